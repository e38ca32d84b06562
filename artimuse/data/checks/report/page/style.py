"""What only the data report has: samples as they are taught, and images side by side."""

DATA_STYLE = """
.samples { margin-top: 1.2rem; }
.sample { display: grid; grid-template-columns: 11rem 1fr; gap: 1rem; padding: .6rem 0; }
.sample > * { min-width: 0; }
.talk {
  font: .82rem/1.55 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  background: var(--code); border-radius: 6px; padding: .4rem .6rem; margin: .3rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.talk.prefix { color: var(--quiet); }
.taught, .readout { border-radius: 3px; box-shadow: inset 1px 0 var(--card); padding: 1px 0; }
.taught { background: var(--taught); } .readout { background: var(--read); }
.kind { font-size: .75rem; color: var(--quiet); font-family: system-ui, sans-serif; }
.twins { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: .8rem; }
.twin { border: 1px solid var(--line); border-radius: 8px; padding: .6rem; min-width: 0; }
.twin .two { display: grid; grid-template-columns: 1fr 1fr; gap: .5rem; align-items: start; }
@media (max-width: 40rem) { .sample { grid-template-columns: 1fr; gap: .3rem; } }
"""
