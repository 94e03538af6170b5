"""The style sheet of a page; its colours are the variables that `drawing` and `style` name."""

from __future__ import annotations

SHEET = """\
* { box-sizing: border-box; }
body {
  margin: 0 auto;
  padding: 3.5rem 1.5rem 6rem;
  max-width: 66rem;
  background: var(--surface);
  color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
  text-size-adjust: 100%;
}
header { border-bottom: 1px solid var(--hairline); padding-bottom: 1.5rem; margin-bottom: 2rem; }
h1 {
  margin: 0;
  font-size: clamp(1.7rem, 4vw, 2.4rem);
  line-height: 1.15;
  letter-spacing: -0.02em;
  font-weight: 680;
  overflow-wrap: anywhere;
}
h2 {
  margin: 3.25rem 0 0.9rem;
  font-size: 1.3rem;
  line-height: 1.3;
  letter-spacing: -0.01em;
  font-weight: 650;
  break-after: avoid;
  overflow-wrap: anywhere;
}
p { margin: 0 0 1rem; max-width: 44rem; white-space: pre-line; overflow-wrap: anywhere; }
.subtitle { margin: 0.6rem 0 0; color: var(--muted); font-size: 1.05rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.35rem 1.4rem; margin-top: 1.4rem; font-size: 0.92rem; }
a { color: var(--first); text-decoration: none; }
a:hover, a:focus-visible { text-decoration: underline; text-underline-offset: 0.2em; }
:focus-visible { outline: 2px solid var(--first); outline-offset: 3px; border-radius: 3px; }

.facts {
  display: flex;
  flex-wrap: wrap;
  gap: 1px;
  margin: 1.5rem 0;
  background: var(--hairline);
  border: 1px solid var(--hairline);
  border-radius: 10px;
  overflow: hidden;
}
.facts div {
  flex: 1 1 10.5rem;
  background: var(--surface);
  padding: 1rem 1.15rem 0.95rem;
  display: flex;
  flex-direction: column-reverse;
  justify-content: flex-end;
}
.facts dt { color: var(--muted); font-size: 0.85rem; }
.facts dd {
  margin: 0;
  font-size: 1.55rem;
  line-height: 1.25;
  font-weight: 620;
  letter-spacing: -0.015em;
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}

.wide { overflow-x: auto; }
table {
  border-collapse: collapse;
  font-size: 0.92rem;
  font-variant-numeric: tabular-nums;
  margin: 0.5rem 0;
  min-width: min(100%, 30rem);
}
caption {
  caption-side: bottom;
  text-align: left;
  color: var(--muted);
  padding-top: 0.7rem;
  font-size: 0.9rem;
}
th, td {
  padding: 0.42rem 1.6rem 0.42rem 0;
  text-align: left;
  vertical-align: baseline;
  border-bottom: 1px solid var(--hairline);
}
thead th { color: var(--muted); font-weight: 550; white-space: nowrap; }
tbody th { font-weight: 550; }
td, tbody th { overflow-wrap: break-word; max-width: 28rem; }
.number { text-align: right; white-space: nowrap; }
tr { break-inside: avoid; }

pre {
  margin: 1rem 0;
  padding: 0.9rem 1.1rem;
  border: 1px solid var(--hairline);
  border-radius: 10px;
  font: 0.88rem/1.55 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}

figure { margin: 0; }
.card { margin: 1.25rem 0; break-inside: avoid; }
.card svg, .card img { display: block; max-width: 100%; height: auto; }
.card svg text {
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif !important;
}
.card svg * { stroke-linejoin: round; stroke-linecap: butt; }
figcaption {
  color: var(--muted);
  font-size: 0.9rem;
  margin-top: 0.7rem;
  max-width: 44rem;
  overflow-wrap: anywhere;
}
img, svg image { image-rendering: pixelated; }

.pictures {
  list-style: none;
  margin: 1.25rem 0;
  padding: 0;
  display: grid;
  gap: 1.4rem 1.1rem;
  grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr));
}
.pictures li { break-inside: avoid; min-width: 0; }
.pictures img {
  display: block;
  width: 100%;
  aspect-ratio: 1;
  object-fit: contain;
  border-radius: 6px;
  background: color-mix(in srgb, var(--hairline) 45%, transparent);
}
.animations { grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); }
.animations img { aspect-ratio: auto; }
.pictures figcaption { margin-top: 0.45rem; line-height: 1.35; font-size: 0.86rem; white-space: pre-line; }
.pictures b { display: block; color: var(--ink); font-weight: 600; }

@media (max-width: 40rem) {
  body { padding: 2rem 1.1rem 4rem; }
  .card svg { min-width: min(34rem, var(--natural)); }
  .pictures { grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); }
}
@media print {
  body { padding: 0; max-width: none; font-size: 11pt; }
  nav { display: none; }
  .wide { overflow: visible; }
  h2 { margin-top: 2rem; }
}
"""
