// SPDX-License-Identifier: BSD-2-Clause
// view_table.js -- One row per line, function, file, module or thread.
import { Grid } from './grid.js'
import { errorsOf, plusMinus } from './errors.js'
import { formats } from './format.js'
import { statistics } from './statistics.js'

const threadColumn = (id, title, unit, name) => ({ id, title, unit, of: thread => thread[name] ?? 0 })

const THREAD_COLUMNS = {
  heap: [
    threadColumn('total', 'allocated', 'bytes', 'alloc_bytes'),
    threadColumn('count', 'allocations', 'count', 'alloc_count'),
    threadColumn('freed', 'freed', 'bytes', 'freed_bytes'),
    threadColumn('frees', 'frees', 'count', 'free_count'),
    threadColumn('temporary', 'temporary', 'count', 'temporary_count'),
  ],
  cpu: [
    threadColumn('time', 'CPU time in samples', 'time', 'cpu_sampled_ns'),
    threadColumn('samples', 'samples', 'count', 'cpu_samples'),
    threadColumn('kernel', 'of it in the kernel', 'time', 'cpu_kernel_ns'),
    threadColumn('used', 'CPU time as the kernel counts it', 'time', 'cpu_ns'),
  ],
  wall: [
    threadColumn('time', 'wall-clock time in samples', 'time', 'wall_sampled_ns'),
    threadColumn('waiting', 'of it waiting', 'time', 'wall_off_ns'),
    threadColumn('samples', 'samples', 'count', 'wall_samples'),
  ],
}

// The places of rows, for all views that have such.
export function placeColumn(frames, kind, title) {
  return {
    id: 'name', title, width: 'minmax(22rem, 1fr)',
    text: row => frames.label(row.frame, kind),
    fill(cell, row) {
      cell.append(frames.label(row.frame, kind))
      const place = document.createElement('span')
      place.className = 'place'
      place.textContent = kind === 'line' ? frames.short[row.frame] ?? '' : kind === 'function' ? frames.label(row.frame, 'line') : ''
      if (place.textContent !== frames.label(row.frame, kind))
        cell.append(place)
    },
    hint: row => [kind === 'line' || kind === 'function' ? frames.function[row.frame] : null,
      kind === 'module' ? frames.module[row.frame] : kind === 'file' ? frames.file[row.frame] ?? frames.module[row.frame] : frames.place(row.frame)]
      .filter(Boolean).join('\n'),
  }
}

export class TableView {
  constructor(element, page) {
    this.page = page
    this.count = document.getElementById('row-count')
    this.grid = new Grid(element, {
      label: 'figures', columns: [],
      onSort: id => this.sort(id),
      onOpen: row => row.frame !== undefined && page.openFrame(row.frame, page.state.group),
    })
  }

  show() {
    const { state } = this.page
    if (state.group === 'thread')
      this.loadThreads()
    else
      this.load()
    this.arrange()
  }

  load() {
    const { domain, measures, measure, selection, state } = this.page
    this.rows = statistics(domain, state.group, measures, measure, selection)
    const { frames } = domain
    for (const row of this.rows)
      row.name = `${frames.label(row.frame, state.group)} ${frames.function[row.frame] ?? ''} ${frames.file[row.frame] ?? ''} ${frames.module[row.frame]}`.toLowerCase()
    const share = (value, all) => all ? value / all : 0
    const most = measures.map((_, i) => this.rows.reduce((sum, row) => sum + Math.abs(row.values[i]), 0))
    const format = measure => measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const all = this.page.tree.total[0]
    const errors = this.errors = measures.map(each => errorsOf(domain, state.group, each, selection))
    const chosen = measures.indexOf(measure)
    const error = (i, part, row) => errors[i] ? plusMinus(errors[i][part][row.group]) : ''
    const width = i => errors[i] ? '11rem' : '8.4rem'
    this.columns = measures.map((each, i) => ({
      id: each.id, title: each.title, explain: each.explain, isNumber: true, width: width(i), value: row => row.values[i],
      text: row => format(each)(row.values[i]) + error(i, 'self', row), share: row => share(row.values[i], most[i]),
    }))
    this.columns.splice(chosen + 1, 0, {
      id: 'inclusive', title: 'with all it calls', explain: `${measure.title}, of this and of all that was called from here`, isNumber: true, width: width(chosen),
      value: row => row.total, text: row => format(measure)(row.total) + error(chosen, 'total', row), share: row => share(row.total, all),
    })
    this.columns.push(placeColumn(frames, state.group, state.group))
    this.first = measure.id
  }

  loadThreads() {
    const { domain, trace } = this.page
    const columns = THREAD_COLUMNS[domain.name] ?? THREAD_COLUMNS.heap
    this.rows = trace.threads.map(thread => ({
      values: columns.map(column => column.of(thread)),
      label: thread.tid ? `${thread.name} (${thread.tid})` : '<exited threads>',
      name: `${thread.name} ${thread.tid}`.toLowerCase(),
    })).filter(row => row.values.some(value => value !== 0))
    this.columns = columns.map((column, i) => ({
      ...column, isNumber: true, value: row => row.values[i], text: row => formats[column.unit].value(row.values[i]),
    }))
    this.columns.push({ id: 'name', title: domain.isComparison ? 'thread, in the whole of the new run' : 'thread, in the whole run', text: row => row.label, width: 'minmax(16rem, 1fr)' })
    this.first = columns[0].id
  }

  sort(id) {
    const { state } = this.page
    const isSame = this.sorted === id
    this.page.set({ sort: id, up: isSame && !state.up ? '1' : id === 'name' && !isSame ? '1' : '' })
  }

  arrange() {
    const { state } = this.page
    const key = this.columns.some(column => column.id === state.sort) ? state.sort : this.first
    const column = this.columns.find(each => each.id === key)
    this.sorted = key
    const isUp = state.up === '1'
    const filter = state.filter.toLowerCase()
    const rows = filter ? this.rows.filter(row => row.name.includes(filter)) : this.rows.slice()
    const isChange = column.value && rows.some(row => column.value(row) < 0)
    const order = column.value
      ? (isChange ? (a, b) => Math.abs(column.value(b)) - Math.abs(column.value(a)) || column.value(b) - column.value(a) : (a, b) => column.value(b) - column.value(a))
      : (a, b) => b.name < a.name ? -1 : b.name > a.name ? 1 : 0
    rows.sort(isUp ? (a, b) => order(b, a) : order)
    this.grid.setColumns(this.columns)
    this.grid.markSorted(key, !isUp)
    this.grid.show(rows)
    this.count.textContent = filter ? `${rows.length} of ${this.rows.length}` : `${rows.length} rows`
  }
}
