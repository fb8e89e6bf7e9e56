// SPDX-License-Identifier: BSD-2-Clause
// view_source.js -- Source files with the figures of each line beside it.
import { Grid } from './grid.js'
import { formats, basename } from './format.js'
import { inclusives, selves } from './statistics.js'
import { weigh } from './measures.js'
import { tokens } from './tokens.js'

export class SourceView {
  constructor(elements, page) {
    Object.assign(this, elements)
    this.page = page
    this.grid = new Grid(elements.source, { label: 'source', columns: [], onOpen: row => row.frame !== undefined && page.openCallers(row.frame) })
    elements.select.addEventListener('change', () => page.set({ file: elements.select.value, line: '' }))
  }

  // Per file its lines that have figures.
  load() {
    const { domain, measures, measure, weights, selection } = this.page
    const grouping = domain.frames.grouping('line')
    const totals = inclusives(domain, 'line', weights)
    this.measures = measures.filter(each => each.id !== 'blocks' && each.id !== 'frees')
    const columns = this.measures.map(each => selves(domain, 'line', weigh(domain, each, selection)))
    const chosen = this.measures.indexOf(measure)
    const files = new Map()
    for (let group = 0; group < grouping.count; group++) {
      const frame = grouping.frames[group]
      const file = domain.frames.file[frame]
      if (!file)
        continue
      let entry = files.get(file)
      if (!entry)
        files.set(file, entry = { file, weight: 0, lines: new Map() })
      const values = columns.map(column => column[group])
      entry.weight += Math.abs(chosen < 0 ? totals[group] : values[chosen])
      entry.lines.set(domain.frames.line[frame], { frame, values, total: totals[group] })
    }
    this.files = [...files.values()].sort((a, b) => b.weight - a.weight || (a.file < b.file ? -1 : 1))
  }

  show() {
    const { domain, measure, state, trace } = this.page
    this.load()
    const format = measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const sources = trace.sources
    const wanted = this.files.find(entry => entry.file === state.file) ?? this.files.find(entry => sources.has(entry.file)) ?? this.files[0]
    this.select.replaceChildren(...this.files.map(entry => {
      const option = document.createElement('option')
      option.value = entry.file
      option.textContent = `${basename(entry.file)}  ${format(entry.weight)}${sources.has(entry.file) ? '' : '  (lines only)'}`
      return option
    }))
    if (!wanted) {
      this.path.textContent = 'No line of any source file is known: programs built with -g have them.'
      this.grid.show([])
      return
    }
    this.select.value = wanted.file
    const why = trace.has_source === false ? 'its text was left out (--no-source)' : 'its text was not at hand when the page was written'
    this.path.textContent = sources.has(wanted.file) ? wanted.file : `${wanted.file}: ${why}`
    this.setColumns(wanted)
    const rows = this.rowsOf(wanted, sources.get(wanted.file))
    this.grid.show(rows)
    this.goTo(rows, wanted, domain)
  }

  setColumns(entry) {
    const { measure } = this.page
    const format = each => each.isChange ? formats[each.unit].change : formats[each.unit].value
    const lines = [...entry.lines.values()]
    const most = this.measures.map((_, i) => Math.max(...lines.map(line => Math.abs(line.values[i])), 1))
    const mostTotal = Math.max(...lines.map(line => Math.abs(line.total)), 1)
    const show = (value, each) => value ? format(each)(value) : ''
    this.grid.setColumns([
      { id: 'line', title: 'line', isNumber: true, isSortable: false, width: '4.5rem', text: row => row.line ? String(row.line) : '' },
      ...this.measures.map((each, i) => ({
        id: each.id, title: each.title, isNumber: true, isSortable: false, width: '8rem',
        text: row => row.values ? show(row.values[i], each) : '', share: row => row.values ? row.values[i] / most[i] : 0,
      })),
      { id: 'inclusive', title: 'with all it calls', isNumber: true, isSortable: false, width: '8rem',
        text: row => row.total ? show(row.total, measure) : '', share: row => row.total ? row.total / mostTotal : 0 },
      { id: 'text', title: '', isSortable: false, width: 'minmax(40rem, 1fr)', fill: (cell, row) => this.fill(cell, row) },
    ])
  }

  fill(cell, row) {
    cell.classList.add('code')
    if (row.isGap) {
      cell.classList.add('gap')
      cell.textContent = '…'
      return
    }
    for (const [kind, text] of tokens(row.text)) {
      if (!kind) {
        cell.append(text)
        continue
      }
      const span = document.createElement('span')
      span.className = `tok-${kind}`
      span.textContent = text
      cell.append(span)
    }
  }

  rowsOf(entry, pieces) {
    if (!pieces)
      return [...entry.lines].sort((a, b) => a[0] - b[0]).map(([line, figures]) => ({ line, text: this.page.domain.frames.short[figures.frame] ?? '', ...figures }))
    const rows = []
    for (const [first, ...lines] of pieces) {
      if (rows.length)
        rows.push({ isGap: true })
      lines.forEach((text, i) => rows.push({ line: first + i, text, ...entry.lines.get(first + i) }))
    }
    return rows
  }

  // To the line that was asked for, else to the hottest.
  goTo(rows, entry) {
    const { state, measure } = this.page
    const place = `${entry.file}:${state.line}`
    if (this.place === place)
      return
    this.place = place
    const chosen = this.measures.indexOf(measure)
    let line = Number(state.line)
    if (!line) {
      let most = -1
      for (const [number, figures] of entry.lines) {
        const weight = Math.abs(chosen < 0 ? figures.total : figures.values[chosen])
        if (weight > most) {
          most = weight
          line = number
        }
      }
    }
    const index = rows.findIndex(row => row.line === line)
    if (index < 0)
      return
    this.grid.element.scrollTop = Math.max(0, (index - 8) * 24)
    this.grid.select(index)
  }
}
