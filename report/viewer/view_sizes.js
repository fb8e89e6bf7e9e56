// SPDX-License-Identifier: BSD-2-Clause
// view_sizes.js -- How large allocations are, by the mean size at each call stack, and what became
// of them.
import { Grid, add } from './grid.js'
import { count, formats, percent, size } from './format.js'
import { sum } from './trace.js'

// Powers of two: bucket i has sizes up to 2^i.
function bucketOf(bytes) {
  return bytes <= 1 ? 0 : Math.ceil(Math.log2(bytes))
}

const titleOf = bucket => bucket === 0 ? 'up to 1 B' : `${size(2 ** (bucket - 1) + 1)} – ${size(2 ** bucket)}`

export class SizesView {
  constructor(elements, page) {
    this.page = page
    this.lifetimes = elements.lifetimes
    this.grid = new Grid(elements.sizes, { label: 'sizes', columns: [] })
  }

  show() {
    const { domain, selection } = this.page
    const figures = selection?.to !== undefined ? this.inRange(selection) : selection ? domain.at(selection.at) : domain.figures
    if (domain.isTime || !figures.alloc_count) {
      this.grid.setColumns([{ id: 'none', title: 'sizes are known of memory only, and of whole traces', isSortable: false, text: () => '' }])
      this.grid.show([])
      this.lifetimes.replaceChildren()
      return
    }
    this.grid.setColumns(this.columns(figures))
    this.grid.show(this.buckets(domain, figures))
    this.showLifetimes(figures)
  }

  inRange({ from, to }) {
    const [a, b] = [this.page.domain.at(from), this.page.domain.at(to)]
    const difference = column => b[column].map((value, i) => value - a[column][i])
    return Object.fromEntries(['alloc_count', 'alloc_bytes', 'free_count', 'freed_bytes', 'live_bytes', 'live_count'].map(name => [name, difference(name)]))
  }

  columns(figures) {
    const all = { count: sum(figures.alloc_count), bytes: sum(figures.alloc_bytes) }
    const column = (id, title, format, share) => ({ id, title, isNumber: true, isSortable: false, width: '10rem', text: row => format(row[id]), share })
    return [
      { id: 'title', title: 'mean size', isSortable: false, width: '14rem', text: row => titleOf(row.bucket) },
      column('count', 'allocations', count, row => row.count / (all.count || 1)),
      column('bytes', 'allocated', size, row => row.bytes / (all.bytes || 1)),
      column('live', 'live', size),
      column('stacks', 'call stacks', count),
      { id: 'share', title: 'of all allocations', isSortable: false, width: '1fr', text: row => percent(row.count, all.count) },
    ]
  }

  buckets(domain, figures) {
    const buckets = new Map()
    for (let i = 0; i < domain.endCount; i++) {
      const number = figures.alloc_count[i]
      if (number <= 0)
        continue
      const bucket = bucketOf(figures.alloc_bytes[i] / number)
      const row = buckets.get(bucket) ?? { bucket, count: 0, bytes: 0, live: 0, stacks: 0 }
      row.count += number
      row.bytes += figures.alloc_bytes[i]
      row.live += figures.live_bytes[i]
      row.stacks++
      buckets.set(bucket, row)
    }
    return [...buckets.values()].sort((a, b) => a.bucket - b.bucket)
  }

  showLifetimes(figures) {
    const all = sum(figures.alloc_count)
    const temporary = figures.temporary_count ? sum(figures.temporary_count) : null
    const freed = sum(figures.free_count)
    const rows = temporary === null
      ? [['freed', freed], ['more or fewer live than before', all - freed]]
      : [['temporary: freed before the same thread’s next allocation', temporary], ['freed later', Math.max(0, freed - temporary)],
        ['still live at the end', Math.max(0, sum(figures.live_count))]]
    this.lifetimes.replaceChildren(...rows.map(([title, number]) => {
      const row = document.createElement('div')
      add(row, 'span').textContent = title
      add(row, 'span', 'number').textContent = `${formats.count.value(number)}  ${percent(number, all)}`
      add(row, 'i').style.setProperty('--share', `${Math.min(100, Math.max(0, 100 * number / (all || 1)))}%`)
      return row
    }))
  }
}
