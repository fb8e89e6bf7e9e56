// SPDX-License-Identifier: BSD-2-Clause
// view_sizes.js -- How large allocations are, by the mean size at each call stack, and what became
// of them.
import { Grid, add } from './grid.js'
import { count, duration, formats, percent, size } from './format.js'
import { sum } from './trace.js'

// Powers of two: bucket i has sizes up to 2^i.
function bucketOf(bytes) {
  return bytes <= 1 ? 0 : Math.ceil(Math.log2(bytes))
}

const titleOf = bucket => bucket === 0 ? 'up to 1 B' : bucket === 1 ? '2 B' : `${size(2 ** (bucket - 1) + 1)} – ${size(2 ** bucket)}`

function bar(cell, part, all) {
  cell.classList.add('bar')
  cell.style.setProperty('--share', `${Math.min(100, 100 * part / (all || 1)).toFixed(2)}%`)
  cell.textContent = percent(part, all)
}

export class SizesView {
  constructor(elements, page) {
    this.page = page
    this.elements = elements
    this.grid = new Grid(elements.sizes, { label: 'sizes', columns: [] })
  }

  show() {
    const { selection } = this.page
    // What has changed about sizes would be a table of its own: of two traces it is the new one.
    const domain = this.page.domain.isComparison ? this.page.domain.sides[0] : this.page.domain
    const figures = selection?.to !== undefined ? this.inRange(domain, selection) : selection ? domain.at(selection.at) : domain.figures
    if (domain.isTime || !figures.alloc_count) {
      this.grid.setColumns([{ id: 'none', title: 'sizes are known of memory only, and of whole traces', isSortable: false, text: () => '' }])
      this.grid.show([])
      this.elements.lifetimes.replaceChildren()
      this.elements.ages.replaceChildren()
      this.elements.agesTitle.hidden = true
      return
    }
    this.grid.setColumns(this.columns(figures))
    this.grid.show(this.buckets(domain, figures))
    this.showLifetimes(figures)
    this.showAges(domain)
  }

  inRange(domain, { from, to }) {
    const [a, b] = [domain.at(from), domain.at(to)]
    const difference = column => b[column].map((value, i) => value - a[column][i])
    return Object.fromEntries(['alloc_count', 'alloc_bytes', 'free_count', 'freed_bytes', 'live_bytes', 'live_count'].map(name => [name, difference(name)]))
  }

  columns(figures) {
    const all = { count: sum(figures.alloc_count), bytes: sum(figures.alloc_bytes) }
    const column = (id, title, format, share) => ({ id, title, isNumber: true, isSortable: false, width: '7.5rem', text: row => format(row[id]), share })
    return [
      { id: 'title', title: 'mean size', isSortable: false, width: '11rem', text: row => titleOf(row.bucket) },
      column('count', 'allocations', count),
      { id: 'share', title: 'of all allocations', isSortable: false, width: 'minmax(9rem, 1fr)', fill: (cell, row) => bar(cell, row.count, all.count) },
      column('bytes', 'allocated', size),
      { id: 'bytes-share', title: 'of all bytes', isSortable: false, width: 'minmax(9rem, 1fr)', fill: (cell, row) => bar(cell, row.bytes, all.bytes) },
      column('live', 'live', size),
      column('stacks', 'call stacks', count),
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

  // Which of its blocks a call stack freed is not known; but no more than it freed in all, so of
  // what it had allocated by some moment the rest is still live.
  ages(domain) {
    const { trace } = domain
    if (domain.times.length < 2 || trace.as_of)
      return []
    return [0.25, 0.5, 0.75].map(part => {
      const then = domain.at(part * trace.duration_ns)
      let bytes = 0
      for (let i = 0; i < domain.endCount; i++)
        bytes += Math.max(0, Math.min(then.alloc_bytes[i] - domain.figures.freed_bytes[i], domain.figures.live_bytes[i]))
      return [`allocated in the first ${duration(part * trace.duration_ns)}, at least`, bytes]
    })
  }

  showAges(domain) {
    const all = sum(domain.figures.live_bytes)
    const rows = all > 0 && !this.page.selection ? this.ages(domain) : []
    this.elements.agesTitle.hidden = !rows.length
    this.bars(this.elements.ages, rows, all, 'bytes')
  }

  showLifetimes(figures) {
    const all = sum(figures.alloc_count)
    const temporary = figures.temporary_count ? sum(figures.temporary_count) : null
    const freed = sum(figures.free_count)
    const rows = temporary === null
      ? [['freed', freed], ['more or fewer live than before', all - freed]]
      : [['temporary: freed before the same thread’s next allocation', temporary], ['freed later', Math.max(0, freed - temporary)],
        ['still live at the end', Math.max(0, sum(figures.live_count))]]
    this.bars(this.elements.lifetimes, rows, all, 'count')
  }

  // rows: [title, number], with their shares of all.
  bars(element, rows, all, unit) {
    element.replaceChildren(...rows.map(([title, number]) => {
      const row = document.createElement('div')
      add(row, 'span').textContent = title
      add(row, 'span', 'number').textContent = `${formats[unit].value(number)}  ${percent(number, all)}`
      add(row, 'i').style.setProperty('--share', `${Math.min(100, Math.max(0, 100 * number / (all || 1)))}%`)
      return row
    }))
  }
}
