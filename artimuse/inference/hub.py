"""Pushing a model folder to the hub: the only thing here that sends anything, and only where it is asked to.

    prepare_repo("me/photo-judge")                         # before training: token, name, repository
    push_folder(Path("runs/NAME/model"), "me/photo-judge") # after it: this folder's files and no others

training.json stays here: it says where this machine has its data and models. What others need, the card says.
A new repository is private. One that is there keeps the visibility that it has, which is printed.
"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from artimuse.config import ConfigError
from artimuse.models.training_record import TRAINING_FILE

FLAG = "--push-to-hub"


def require_token(repo: str) -> None:
    """Whether a push can be tried at all; nothing is sent.

    Raises:
        ConfigError: for a name that is none, without a token, and in offline mode.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ConfigError(f"{FLAG} {repo}: expected OWNER/NAME: {error}") from error
    if "/" not in repo:
        raise ConfigError(f"{FLAG} {repo}: expected OWNER/NAME, found no owner")
    if constants.HF_HUB_OFFLINE:
        raise ConfigError(
            f"{FLAG} {repo}: HF_HUB_OFFLINE is set, so that nothing may leave this machine; unset it, or "
            f"leave {FLAG} out"
        )
    if get_token() is None:
        raise ConfigError(
            f"{FLAG} {repo}: no token is there; log in with `hf auth login`, or set HF_TOKEN to a token "
            "that may write"
        )


def prepare_repo(repo: str, *, endpoint: str | None = None) -> str:
    """Make the repository, private, where it is not there yet.

    Args:
        repo: OWNER/NAME. endpoint: of another hub; None is the usual one.

    Returns:
        Its address, and whether it can be seen by everybody.

    Raises:
        ConfigError: see `require_token`, and where the hub refuses or is out of reach.
    """
    require_token(repo)
    api = HfApi(endpoint=endpoint)
    try:
        address = api.create_repo(repo, private=True, exist_ok=True)
        private = api.model_info(repo).private
    # Whatever it is (no right to write, no network), it is said before anything is trained.
    except Exception as error:
        raise ConfigError(f"{FLAG} {repo}: the hub does not take it: {error}") from error
    return f"{address} ({'private' if private else 'PUBLIC: it was there before, and is public'})"


def push_folder(folder: Path, repo: str, *, endpoint: str | None = None) -> str:
    """Send every file of a model folder but training.json, in one commit, and no other file.

    Returns:
        The commit's address, and what was left out.

    Raises:
        ValueError: for a link in the folder, which may lead out of it.
        OSError: when the hub refuses or is out of reach; the folder is as it was.
    """
    paths = sorted(folder.rglob("*"))
    for path in paths:
        if path.is_symlink():
            raise ValueError(
                f"{path}: a link, and what it leads to may lie outside the folder: expected files alone; "
                "replace it by a copy"
            )
    try:
        done = HfApi(endpoint=endpoint).upload_folder(
            repo_id=repo, folder_path=folder, commit_message="Model folder of artimuse",
            ignore_patterns=[TRAINING_FILE, f"*/{TRAINING_FILE}"],
        )  # fmt: skip
    # The hub's and the network's errors are of several families; none of them costs the model.
    except Exception as error:
        raise OSError(
            f"{FLAG} {repo}: nothing was pushed: {error}; the model is complete in {folder}: repeat the "
            "call (a finished run needs --resume)"
        ) from error
    kept = any(path.name == TRAINING_FILE for path in paths)
    note = f" (without {TRAINING_FILE}, which names places on this machine)" if kept else ""
    return f"{done.commit_url}{note}"
