"""The style sheet that pages share: light and dark as the system asks, and no line wider than the window."""

LIGHT = """\
  --ground: #f7f6f3; --card: #ffffff; --ink: #1f2023; --quiet: #65676d; --line: #e3e1db;
  --bar: #4a7fb5; --mark: #c2410c; --taught: #cfe8cf; --read: #fbdfa5; --code: #f3f1ec;
  --refused: #b3261e; --warning: #9a5b00; --note: #4f5d73; --good: #1f7a3d;
"""
DARK = """\
  --ground: #141518; --card: #1e2024; --ink: #e9e7e2; --quiet: #a0a3aa; --line: #34373d;
  --bar: #6ea3d8; --mark: #fb923c; --taught: #26502e; --read: #664a12; --code: #17181b;
  --refused: #ff8a80; --warning: #f2b457; --note: #a9b7cc; --good: #7fd195;
"""

STYLE = (
    f"""
:root {{
  color-scheme: light dark;
{LIGHT}}}
@media (prefers-color-scheme: dark) {{ :root {{
{DARK}}} }}
"""
    + """\
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem clamp(.75rem, 3vw, 2rem) 4rem; max-width: 76rem;
  background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 0 0 .5rem; }
h3 { font-size: .95rem; margin: 0 0 .4rem; }
p { margin: .4rem 0; }
a { color: inherit; }
.quiet { color: var(--quiet); }
.card {
  background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem clamp(.75rem, 2vw, 1.25rem); margin: 1rem 0;
}
.chip {
  display: inline-block; border: 1px solid currentColor; border-radius: 99px; padding: 0 .55em;
  font-size: .78rem; font-weight: 600; line-height: 1.5; white-space: nowrap;
}
.refused { color: var(--refused); } .warning { color: var(--warning); }
.note { color: var(--note); } .good { color: var(--good); }
.verdict { border-left: 6px solid currentColor; }
.verdict > * { color: var(--ink); } .verdict h2 { color: inherit; margin: 0; }
.findings { list-style: none; margin: 0; padding: 0; }
.findings li { display: grid; grid-template-columns: 5.2rem 1fr; gap: .6rem; padding: .35rem 0; }
.findings li + li { border-top: 1px solid var(--line); }
.findings .text { white-space: pre-wrap; font-size: .85rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; font-size: .82rem; color: var(--quiet); text-align: right; white-space: nowrap; }
td { text-align: right; } th:first-child, td:first-child { text-align: left; }
th, td { padding: .28rem .5rem; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.zero { color: var(--quiet); opacity: .6; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
.panel { border: 1px solid var(--line); border-radius: 8px; padding: .75rem .9rem; min-width: 0; }
.wide { grid-column: 1 / -1; }
.chart { margin: .2rem 0 .5rem; }
.chart svg { display: block; width: 100%; height: 5.5rem; }
.chart.small svg { height: 2.4rem; margin-top: .8rem; }
.chart rect { fill: var(--bar); } .chart line { stroke: var(--mark); stroke-width: 2; }
.axis {
  display: flex; justify-content: space-between; border-top: 1px solid var(--quiet);
  font-size: .78rem; color: var(--quiet);
}
.facts { display: grid; grid-template-columns: auto auto; gap: .1rem .8rem; margin: 0; font-size: .88rem; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; text-align: right; font-variant-numeric: tabular-nums; }
.figures { display: flex; flex-wrap: wrap; gap: .3rem 1.4rem; margin: 0 0 .8rem; }
.figures b { font-size: 1.15rem; } .figures span { color: var(--quiet); font-size: .85rem; }
details { margin: .6rem 0 0; } summary { cursor: pointer; font-weight: 600; }
summary .quiet { font-weight: 400; }
.panel ul { padding-left: 1.1rem; margin: .5rem 0 0; font-size: .85rem; }
.picture { margin: 0 0 .5rem; }
.picture img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
.picture figcaption { font-size: .78rem; color: var(--quiet); }
.absent {
  display: grid; place-items: center; width: 8rem; height: 6rem; border: 1px dashed var(--quiet);
  border-radius: 6px; color: var(--quiet); font-size: .8rem; text-align: center;
}
.card > h3:not(:first-of-type) { margin-top: 1rem; }
@media (max-width: 40rem) {
  .findings li { grid-template-columns: 1fr; gap: .3rem; }
  .stack thead { display: none; }
  .stack tr {
    display: grid; grid-template-columns: repeat(3, 1fr); padding: .4rem 0;
    border-bottom: 1px solid var(--line);
  }
  .stack tr:last-child { border-bottom: 0; }
  .stack td.zero { display: none; }
  .stack td { border: 0; text-align: left; padding: .1rem .2rem; }
  .stack td:first-child { grid-column: 1 / -1; font-weight: 600; }
  .stack td:not(:first-child)::before { content: attr(data-label) " "; color: var(--quiet); font-size: .78rem; }
}
@media print { body { background: none; } .card, .panel { break-inside: avoid; } }
"""
)
