"""What only the contact sheet has, after the sheet that pages share."""

SHEET_STYLE = """
html { scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
a:focus-visible { outline: 3px solid var(--bar); outline-offset: 2px; border-radius: 4px; }
.card { scroll-margin-top: .75rem; }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: .1rem .8rem; margin-bottom: .6rem; }
.title h2 { margin: 0; font-variant-numeric: tabular-nums; }
.title nav { margin-left: auto; display: flex; gap: .3rem; }
.title nav a {
  min-width: 2.75rem; padding: .35rem .6rem; text-align: center; text-decoration: none; line-height: 1.2;
  border: 1px solid var(--line); border-radius: 8px;
}
.title nav a:hover { border-color: var(--bar); }
.jump { display: flex; flex-wrap: wrap; gap: .35rem; margin-top: .6rem; font-size: .85rem; }
.jump a {
  min-width: 2.4rem; padding: .3rem .5rem; text-align: center; text-decoration: none;
  border: 1px solid var(--line); border-radius: 6px; font-variant-numeric: tabular-nums;
}
.jump a:hover { border-color: var(--bar); }
.jump a.close { border-color: var(--warning); color: var(--warning); }
.shots {
  display: grid; gap: .8rem; align-items: start;
  grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr));
}
.shot { margin: 0; min-width: 0; font-size: .85rem; }
.shot.best { grid-column: span 2; grid-row: span 2; font-size: .95rem; }
.frame {
  display: grid; place-items: center; aspect-ratio: 4 / 3; overflow: hidden; margin-bottom: .35rem;
  background: var(--code); border: 1px solid var(--line); border-radius: 8px; color: var(--quiet);
}
.shot.best .frame { border: 3px solid var(--good); }
.frame img { display: block; width: 100%; height: 100%; object-fit: contain; }
.shot .line { display: flex; align-items: baseline; gap: .5rem; font-variant-numeric: tabular-nums; }
.shot .place { color: var(--quiet); } .shot .score { font-weight: 650; margin-left: auto; }
.shot.best .score { font-size: 1.25rem; }
.shot .name { display: block; color: var(--quiet); font-size: .78rem; line-height: 1.3; }
.sure { display: block; margin: .15rem 0 .1rem; font-variant-numeric: tabular-nums; font-size: .8rem; }
.meter { display: block; position: relative; height: .4rem; border-radius: 99px; background: var(--line); }
.meter i { display: block; height: 100%; border-radius: 99px; background: var(--bar); }
.meter b { position: absolute; left: 50%; top: -.1rem; bottom: -.1rem; width: 2px; background: var(--quiet); }
.list { font-size: .85rem; padding-left: 1.1rem; margin: .5rem 0 0; }
@media (max-width: 40rem) {
  .shots { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: .7rem; }
}
@media print {
  .jump, .title nav { display: none; }
  .shot { break-inside: avoid; } .card { break-inside: auto; }
}
"""
