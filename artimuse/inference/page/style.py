"""The look of what the model says, in the colours of this project's pages; light and dark as Gradio has it."""

from artimuse.data.pages.style import DARK, LIGHT

STYLE = (
    f":root {{\n{LIGHT}}}\n.dark {{\n{DARK}}}\n"
    + """
body, gradio-app { background: var(--ground) !important; }
.gradio-container {
  background: var(--ground) !important; max-width: 62rem !important; margin: 0 auto !important;
}
.gradio-container > main, .gradio-container main.fillable {
  padding: 1rem clamp(.6rem, 3vw, 1.5rem) 3rem !important; max-width: none !important;
}
.said { color: var(--ink); font-size: .98rem; line-height: 1.5; overflow-wrap: anywhere; }
.said h1 { font-size: 1.5rem; line-height: 1.2; margin: 0 0 .2rem; font-weight: 700; color: var(--ink); }
.said h2 { font-size: 1.1rem; margin: 0 0 .5rem; font-weight: 650; color: var(--ink); }
.said h3 { font-size: .9rem; margin: 0 0 .25rem; font-weight: 650; color: var(--ink); }
.gradio-container .html-container { padding: 0; }
.said p {
  display: block; margin: .35rem 0; color: inherit; } .said .quiet { color: var(--quiet);
  font-size: .86rem;
}
.said .card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem clamp(.75rem, 2vw, 1.25rem); margin: 0 0 .9rem;
}
.said .card:last-child { margin-bottom: 0; }
.said .message { border-left: 6px solid var(--refused); }
.said .message b { color: var(--refused); }
.said .busy { display: flex; align-items: center; gap: .7rem; color: var(--quiet); }
.said .busy::before {
  content: ""; width: 1rem; height: 1rem; border-radius: 50%; border: 3px solid var(--line);
  border-top-color: var(--bar); animation: said-turn 1s linear infinite; flex: none;
}
@keyframes said-turn { to { transform: rotate(1turn); } }
@media (prefers-reduced-motion: reduce) { .said .busy::before { animation: none; } }
.said .alone {
  display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 1.2rem; align-items: start;
}
.said figure { margin: 0; }
.said img { display: block; max-width: 100%; max-height: 24rem; height: auto; border-radius: 8px; margin: 0; }
.said figcaption { font-size: .8rem; color: var(--quiet); margin-top: .3rem; }
.said .number { font-size: 2.6rem; font-weight: 700; line-height: 1; font-variant-numeric: tabular-nums; }
.said .number small { font-size: 1.05rem; font-weight: 500; color: var(--quiet); }
.said .scale { margin: 1.1rem .5rem .6rem; }
.said .track { position: relative; height: .7rem; border-radius: 99px; background: var(--line); }
.said .band {
  position: absolute; top: 0; bottom: 0; border-radius: 99px; background: var(--bar); opacity: .45;
}
.said .dot {
  position: absolute; top: 50%; width: 1rem; height: 1rem; border-radius: 50%; background: var(--mark);
  border: 2px solid var(--card); transform: translate(-50%, -50%);
}
.said .tick {
  position: absolute; top: -.28rem; bottom: -.28rem; width: 2px; background: var(--ink); opacity: .55;
}
.said .axis {
  display: flex; justify-content: space-between; margin: .45rem -.5rem 0;
  font-size: .78rem; color: var(--quiet);
}
.said .bars { display: grid; gap: .45rem; margin: .6rem 0 0; }
.said .bar { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0 .8rem; font-size: .9rem; }
.said .bar b { font-variant-numeric: tabular-nums; font-weight: 600; }
.said .bar .fill {
  grid-column: 1 / -1; height: .5rem; border-radius: 99px; background: var(--line); overflow: hidden;
}
.said .bar .fill span { display: block; height: 100%; background: var(--bar); border-radius: 99px; }
.said .critiques {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .7rem;
}
.said .critique {
  border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; min-height: 4.6rem;
}
.said .critique p { margin: 0; }
.said .writing::after { content: "\\258d"; color: var(--bar); }
.said ol { list-style: none; margin: 0; padding: 0; }
.said .shot {
  display: grid; grid-template-columns: 2.2rem minmax(0, 9rem) minmax(0, 1fr); gap: .9rem;
  align-items: start; margin: 0;
}
.said .place { font-size: 1.4rem; font-weight: 700; color: var(--quiet); text-align: center; }
.said .best { border-color: var(--good); box-shadow: inset 0 0 0 1px var(--good); }
.said .best .place { color: var(--good); }
.said .chip {
  display: inline-block; border: 1px solid currentColor; border-radius: 99px; padding: 0 .6em;
  color: var(--good);
  font-size: .78rem; font-weight: 650; vertical-align: .25rem; margin-left: .5rem; white-space: nowrap;
}
.said .shot .number { font-size: 1.6rem; } .said .shot .number small { font-size: .9rem; }
.said .between { margin: 0 0 .9rem 1.6rem; padding: .1rem 0 .1rem 1rem; border-left: 3px solid var(--line); }
.said .between b { font-variant-numeric: tabular-nums; }
.said .quote { margin: .1rem 0 0; font-style: italic; }
/* After a refusal, which is told beside it, the box is to take the next file, not to be covered. */
#drop [data-testid="status-tracker"] { display: none !important; }
#drop, #drop button { border-color: var(--quiet) !important; }
.said .thumbs { display: flex; gap: .25rem; justify-content: center; }
.said .thumbs img { width: 5.2rem; height: 5.2rem; object-fit: cover; border-radius: 6px; }
.gallery-item:focus-visible, .gradio-container button:focus-visible, .gradio-container textarea:focus-visible {
  outline: 3px solid var(--bar) !important; outline-offset: 2px;
}
@media (max-width: 44rem) {
  .said .alone { grid-template-columns: minmax(0, 1fr); gap: .8rem; }
  .said .shot { grid-template-columns: 1.4rem minmax(0, 6.5rem) minmax(0, 1fr); gap: .6rem; }
  .said .thumbs img { width: 4rem; height: 4rem; }
}
"""
)
