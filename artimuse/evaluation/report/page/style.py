"""What only the evaluation report has, after the sheet that pages share."""

REPORT_STYLE = """
:root { --same: #1f7a3d; --other: #8a8d94; --wrong: #d98a6a; --none: #b9a9d8; --soft: #4a7fb522; }
@media (prefers-color-scheme: dark) {
  :root { --same: #7fd195; --other: #7f838b; --wrong: #b5633f; --none: #7461a3; --soft: #6ea3d830; }
}
header .chip { vertical-align: .1em; }
.card > div > h3 { margin-top: 1rem; }
.stack td:first-child { min-width: 9.5rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .7rem; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .8rem; min-width: 0; }
.tile .name { font-size: .82rem; color: var(--quiet); }
.tile .big {
  font-size: 1.7rem; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums;
  letter-spacing: -.01em;
}
.tile .under { font-size: .8rem; color: var(--quiet); font-variant-numeric: tabular-nums; }
.plots {
  display: grid; align-items: start; gap: 1rem; margin: .2rem 0 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
}
svg.plot { display: block; width: 100%; max-width: 32rem; height: auto; margin: 0 auto; }
.plot text { fill: var(--quiet); font-size: 11px; font-family: inherit; }
.plot .name { font-size: 12px; }
.plot .grid { stroke: var(--line); stroke-width: .7; }
.plot .diagonal { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 4 4; }
.plot .one { fill: var(--bar); fill-opacity: .5; } .plot .one:hover { fill: var(--mark); fill-opacity: 1; }
.plot .cells rect { fill: var(--bar); } .plot .spread rect { fill: var(--bar); opacity: .55; }
.plot .link { fill: none; stroke: var(--bar); stroke-width: 1.2; opacity: .6; }
.plot .reach { stroke: var(--bar); stroke-width: 2; } .plot .mean { fill: var(--bar); }
.rows { margin: .3rem 0 .6rem; container-type: inline-size; }
.lines { display: grid; grid-template-columns: minmax(7rem, 15rem) 1fr auto; column-gap: .9rem; }
.row {
  display: grid; grid-template-columns: subgrid; grid-column: 1 / -1; align-items: center;
  padding: .12rem 0; font-size: .88rem;
}
.row > * { min-width: 0; }
.row svg { display: block; width: 100%; height: 1.5rem; overflow: visible; }
.row .number { font-variant-numeric: tabular-nums; text-align: right; white-space: nowrap; }
.row .what .quiet { font-size: .78rem; }
.row .bar { fill: var(--bar); opacity: .45; } .row .band { fill: var(--soft); }
.row .zero { stroke: var(--quiet); stroke-width: 1; }
.row .reach { stroke: var(--bar); stroke-width: 2.5; }
.row .point { stroke: var(--bar); stroke-width: 9; stroke-linecap: round; }
.row .halo { stroke: var(--card); stroke-width: 0; }
.row.same .point { stroke: var(--same); } .row.other .point { stroke: var(--other); }
.row.other .halo { stroke: var(--other); stroke-width: 10; }
.row.other .halo + .point { stroke: var(--card); stroke-width: 6; }
.row.same .reach { stroke: var(--same); }
.row.bound .point, .row.bound .reach { stroke: var(--mark); } .row.ours .what { font-weight: 600; }
.row.ours .what .quiet, .row.plain .what { font-weight: 400; }
.row .good { fill: var(--bar); }
.row .wrong { fill: var(--wrong); opacity: .5; }
.row .none { fill: var(--none); }
.row.foot .axis { border: 0; border-top: 1px solid var(--line); }
.legend {
  display: flex; flex-wrap: wrap; gap: .2rem 1.1rem;
  font-size: .8rem; color: var(--quiet); margin: .2rem 0 .5rem;
}
.legend i {
  display: inline-block; width: .75em; height: .75em; border-radius: 99px; margin-right: .4em;
  vertical-align: -.02em; background: var(--bar);
}
.legend i.same { background: var(--same); } .legend i.bound { background: var(--mark); }
.legend i.other { background: none; border: 2px solid var(--other); }
.legend i.square { border-radius: 2px; } .legend i.wrong { background: var(--wrong); opacity: .6; }
.legend i.none { background: var(--none); } .legend i.band { background: var(--soft); border-radius: 2px; }
.verdict p.refused { color: var(--refused); font-weight: 600; }
.verdict p.warning { color: var(--warning); font-size: .88rem; }
.mark { font-size: .8rem; color: var(--quiet); font-weight: 400; }
tr.own { background: var(--soft); } tr.own td { font-weight: 600; } tr.own td.words { font-weight: 400; }
tr.own td:not(:first-child) .under { white-space: nowrap; }
td .between { white-space: nowrap; }
td .under { display: block; font-size: .76rem; color: var(--quiet); font-weight: 400; }
td.words, th.words { text-align: left; font-variant-numeric: normal; }
.wall {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr));
  gap: .8rem; margin: .4rem 0 1rem;
}
.wall figure { margin: 0; min-width: 0; font-size: .8rem; }
.frame {
  display: grid; place-items: center; aspect-ratio: 1; background: var(--code); border-radius: 6px;
  overflow: hidden; color: var(--quiet); font-size: .78rem; text-align: center;
}
.frame img { display: block; width: 100%; height: 100%; object-fit: contain; }
.wall .frame { margin-bottom: .3rem; }
.wall .id { color: var(--quiet); font-size: .74rem; line-height: 1.3; display: block; }
.versus { font-variant-numeric: tabular-nums; }
.versus b { font-size: .95rem; } .up { color: var(--mark); } .down { color: var(--bar); }
.serieses {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr));
  gap: .9rem; margin: .4rem 0 1rem;
}
.series { border: 1px solid var(--line); border-radius: 8px; padding: .6rem .7rem; min-width: 0; }
.series .strip { display: grid; gap: .35rem; }
.series .frame { border-radius: 4px; }
.series .letter { display: block; text-align: center; font-weight: 650; font-size: .8rem; }
.series svg { display: block; width: 100%; height: 2.6rem; }
.series path { fill: none; stroke: var(--quiet); stroke-width: 1.6; opacity: .55; }
.series path.moved { stroke: var(--mark); opacity: 1; }
.series .side {
  font-size: .74rem; color: var(--quiet);
  display: flex; justify-content: space-between; gap: .5rem;
}
.scroll { overflow-x: auto; } .scroll th { white-space: normal; vertical-align: bottom; }
table.matrix { width: auto; } table.matrix td, table.matrix th { text-align: center; }
table.matrix th:first-child, table.matrix td:first-child { text-align: left; }
td.shade { position: relative; font-variant-numeric: tabular-nums; }
.talks { display: grid; gap: .8rem; }
.talk { display: grid; grid-template-columns: 11rem 1fr; gap: 1rem; margin: .5rem 0 1rem; }
.talk > * { min-width: 0; }
.said {
  border-left: 3px solid var(--line); padding: 0 0 0 .7rem;
  margin: .4rem 0; white-space: pre-wrap; font-size: .88rem;
}
.said.own { border-color: var(--bar); }
.better { color: var(--good); } .worse { color: var(--refused); } .open { color: var(--quiet); }
.bars { display: flex; align-items: flex-end; gap: .3rem; height: 6rem; max-width: 24rem; }
.bars div { flex: 1; text-align: center; font-size: .75rem; color: var(--quiet); }
.bars i { display: block; background: var(--bar); border-radius: 3px 3px 0 0; }
@container (max-width: 44rem) {
  .lines { display: block; }
  .row { grid-template-columns: 1fr auto; column-gap: .8rem; padding: .2rem 0; }
  .row .what { grid-area: 1 / 1; } .row .number { grid-area: 1 / 2; } .row svg { grid-area: 2 / 1 / 3 / 3; }
  .row svg { height: 1.15rem; }
  .row.foot { grid-template-columns: 1fr; padding: 0; } .row.foot > span:empty { display: none; }
}
@media (max-width: 40rem) {
  .wall { grid-template-columns: repeat(auto-fill, minmax(7.6rem, 1fr)); gap: .6rem; }
  .talk { grid-template-columns: 1fr; }
  td.words { grid-column: 1 / -1; }
}
@media print {
  :root { color-scheme: light; }
  details::details-content { content-visibility: visible; block-size: auto; }
  .series, figure, .tile, .row, tr { break-inside: avoid; }
  /* A card that is longer than what is left of a page would leave it empty. */
  .card { break-inside: auto; }
  h1, h2, h3, summary { break-after: avoid; }
  td:not(:first-child):not(.words) { white-space: nowrap; overflow-wrap: normal; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
