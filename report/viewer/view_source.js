// SPDX-License-Identifier: BSD-2-Clause
// view_source.js -- Source files with the figures of each line beside it.
import { Grid } from './grid.js'
import { formats, basename } from './format.js'
import { inclusives, selves } from './statistics.js'
import { measuresOf, weigh } from './measures.js'
import { tokens } from './tokens.js'

const WORTH = 0.1

export class SourceView {
  constructor(elements, page) {
    Object.assign(this, elements)
    this.page = page
    this.grid = new Grid(elements.source, { label: 'source', columns: [], onOpen: row => row.frame !== undefined && page.openCallers(row.frame) })
    elements.select.addEventListener('change', () => page.set({ file: elements.select.value, line: '' }))
  }

  // Figures side by side: what else is known of a line stands beside those of the domain at hand.
  columnsOf() {
    const { domain, domains, measures, measure, selection } = this.page
    const columns = []
    const add = (each, of, values, isSelf, title = of.title) => columns.push({ domain: each, measure: of, values, isSelf, title })
    const own = measures.filter(each => each.id !== 'blocks' && each.id !== 'frees' && each.id !== 'running')
    const beside = other => {
      const wanted = other.isTime ? ['time'] : ['total', 'count', 'live']
      for (const of of measuresOf(other, selection).filter(each => wanted.includes(each.id))) {
        add(other, of, selves(other, 'line', weigh(other, of, selection)), true)
        if (other.isTime)
          add(other, of, inclusives(other, 'line', weigh(other, of, selection)), false, `${of.title} with all it calls`)
      }
    }
    for (const other of domains.filter(each => each !== domain && each.isTime && !domain.isTime))
      beside(other)
    for (const of of own) {
      add(domain, of, selves(domain, 'line', weigh(domain, of, selection)), true)
      if (of === measure)
        add(domain, of, inclusives(domain, 'line', weigh(domain, of, selection)), false, 'with all it calls')
    }
    for (const other of domains.filter(each => each !== domain && each.name === 'heap'))
      beside(other)
    return columns
  }

  // Per file its lines that have figures.
  load() {
    const { domain, measure, weights } = this.page
    this.columns = this.columnsOf()
    const chosen = this.columns.findIndex(column => column.domain === domain && column.measure === measure && column.isSelf)
    const totals = chosen < 0 ? inclusives(domain, 'line', weights) : null
    const files = new Map()
    for (const each of new Set(this.columns.map(column => column.domain)))
      this.addLines(files, each)
    for (const entry of files.values())
      for (const line of entry.lines.values())
        entry.weight += Math.abs(totals ? totals[line.group] ?? 0 : line.values[chosen])
    this.files = [...files.values()].filter(entry => [...entry.lines.values()].some(line => line.values.some(value => value !== 0)))
      .sort((a, b) => b.weight - a.weight || (a.file < b.file ? -1 : 1))
    this.chosen = chosen
  }

  addLines(files, domain) {
    const grouping = domain.frames.grouping('line')
    for (let group = 0; group < grouping.count; group++) {
      const frame = grouping.frames[group]
      const file = domain.frames.file[frame]
      if (!file)
        continue
      let entry = files.get(file)
      if (!entry)
        files.set(file, entry = { file, weight: 0, lines: new Map() })
      const number = domain.frames.line[frame]
      let line = entry.lines.get(number)
      if (!line)
        entry.lines.set(number, line = { values: new Float64Array(this.columns.length), label: domain.frames.short[frame] })
      if (domain === this.page.domain)
        Object.assign(line, { frame, group })
      this.columns.forEach((column, i) => {
        if (column.domain === domain)
          line.values[i] = column.values[group]
      })
    }
  }

  show() {
    const { domain, measure, state, trace } = this.page
    this.load()
    const format = measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const { sources } = trace
    // The first one with text, unless it is hardly worth looking at.
    const wanted = this.files.find(entry => entry.file === state.file) ??
      this.files.find(entry => sources.has(entry.file) && entry.weight > WORTH * this.files[0].weight) ?? this.files[0]
    this.select.replaceChildren(...this.files.map(entry => {
      const option = document.createElement('option')
      option.value = entry.file
      option.textContent = `${basename(entry.file)}  ${entry.weight ? format(entry.weight) : ''}${sources.has(entry.file) ? '' : '  (lines only)'}`
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

  // Of a file only the columns that say something.
  setColumns(entry) {
    const lines = [...entry.lines.values()]
    const columns = this.columns.map((column, i) => ({ ...column, i, most: lines.reduce((most, line) => Math.max(most, Math.abs(line.values[i])), 0) }))
      .filter(column => column.most > 0)
    const format = ({ measure }) => measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    this.grid.setColumns([
      { id: 'line', title: 'line', isNumber: true, isSortable: false, width: '4.5rem', text: row => row.line ? String(row.line) : '' },
      ...columns.map(column => ({
        id: `${column.domain.name}-${column.measure.id}-${column.isSelf}`, title: column.title, explain: column.measure.explain, isNumber: true, isSortable: false, width: '6.6rem',
        text: row => row.values?.[column.i] ? format(column)(row.values[column.i]) : '', share: row => row.values ? row.values[column.i] / column.most : 0,
      })),
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
      return [...entry.lines].sort((a, b) => a[0] - b[0]).map(([line, figures]) => ({ line, text: figures.label ?? '', ...figures }))
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
    const { state } = this.page
    const place = `${entry.file}:${state.line}`
    if (this.place === place)
      return
    this.place = place
    let line = Number(state.line)
    if (!line) {
      let most = -1
      for (const [number, figures] of entry.lines) {
        const weight = Math.abs(figures.values[Math.max(this.chosen, 0)])
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
