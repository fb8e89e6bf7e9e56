// SPDX-License-Identifier: BSD-2-Clause
// legend.js -- What the colours of the flame graph mean.
import { add } from './grid.js'
import { basename, percent } from './format.js'
import { selves } from './statistics.js'

const NAMES = 8

export function showLegend(element, flame, domain, weights) {
  element.replaceChildren()
  const entry = (color, text) => {
    const item = add(element, 'span')
    add(item, 'i').style.background = color
    item.append(text)
  }
  if (flame.tree.change) {
    entry(flame.palette.change(1), 'more than before')
    entry(flame.palette.change(0), 'as before')
    entry(flame.palette.change(-1), 'less; a frame is as wide as the larger of the two')
    return
  }
  if (flame.palette.by === 'function')
    return
  const kind = flame.palette.by
  const { frames } = domain
  const sums = selves(domain, kind, weights)
  const grouping = frames.grouping(kind)
  const all = sums.reduce((a, b) => a + b, 0)
  const order = [...sums.keys()].filter(group => sums[group] > 0).sort((a, b) => sums[b] - sums[a])
  for (const group of order.slice(0, NAMES)) {
    const frame = grouping.frames[group]
    entry(flame.palette.frame(frame), `${basename(frames.label(frame, kind))} ${percent(sums[group], all)}`)
  }
}
