// SPDX-License-Identifier: BSD-2-Clause
// view_callers.js -- One function or line, who calls it and whom it calls.
import { Grid } from './grid.js'
import { errorsOf, plusMinus } from './errors.js'
import { formats, percent } from './format.js'
import { inclusives, neighbours } from './statistics.js'

export class CallersView {
  constructor(elements, page) {
    this.page = page
    this.chosen = elements.chosen
    const open = row => row.group >= 0 && page.set({ chosen: page.domain.frames.key(row.frame, this.kind) })
    const grid = (element, label) => new Grid(element, { label, columns: [], onOpen: open })
    this.everyone = grid(elements.everyone, 'all')
    this.callers = grid(elements.callers, 'called by')
    this.callees = grid(elements.callees, 'calls')
  }

  get kind() {
    return this.page.state.by === 'function' ? 'function' : 'line'
  }

  columns(all) {
    const { domain, measure, tree } = this.page
    const format = measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const { frames } = domain
    const { kind } = this
    return [
      { id: 'value', title: measure.isChange ? 'change' : 'total', explain: measure.title, isNumber: true, isSortable: false, width: '7.5rem', text: row => format(row.value), share: row => row.value / (all || tree.total[0] || 1) },
      { id: 'part', title: all ? 'of it' : 'of all', isNumber: true, isSortable: false, width: '4.4rem', text: row => percent(row.value, all || tree.total[0]) },
      { id: 'name', title: kind, isSortable: false, width: 'minmax(18rem, 1fr)',
        fill(cell, row) {
          cell.append(row.group < 0 ? 'nobody: stacks begin here' : frames.label(row.frame, kind))
          if (row.group < 0)
            return
          const place = document.createElement('span')
          place.className = 'place'
          place.textContent = kind === 'line' ? frames.short[row.frame] ?? '' : frames.label(row.frame, 'line')
          if (place.textContent !== frames.label(row.frame, kind))
            cell.append(place)
        },
        hint: row => row.group < 0 ? '' : frames.place(row.frame) },
    ]
  }

  show() {
    const { domain, measure, weights, state } = this.page
    const { kind } = this
    const grouping = domain.frames.grouping(kind)
    const totals = inclusives(domain, kind, weights)
    const rows = []
    for (let group = 0; group < grouping.count; group++)
      if (totals[group] !== 0)
        rows.push({ group, frame: grouping.frames[group], value: totals[group] })
    rows.sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
    const wanted = rows.find(row => domain.frames.key(row.frame, kind) === state.chosen) ?? rows[0]
    for (const grid of [this.everyone, this.callers, this.callees])
      grid.setColumns(this.columns(grid === this.everyone ? 0 : Math.abs(wanted?.value)))
    this.everyone.selected = rows.indexOf(wanted)
    this.everyone.show(rows)
    if (!wanted) {
      this.chosen.textContent = 'nothing'
      this.callers.show([])
      this.callees.show([])
      return
    }
    const around = neighbours(domain, kind, wanted.group, weights)
    const named = row => ({ ...row, frame: row.group < 0 ? -1 : grouping.frames[row.group] })
    const format = measure.isChange ? formats[measure.unit].change : formats[measure.unit].value
    const errors = errorsOf(domain, kind, measure, this.page.selection)
    const error = part => errors ? plusMinus(errors[part][wanted.group]) : ''
    this.chosen.textContent = `${domain.frames.label(wanted.frame, kind)}: ${format(wanted.value)}${error('total')} with all it calls, ${format(around.self)}${error('self')} by itself`
    this.callers.show(around.callers.map(named))
    this.callees.show(around.callees.map(named))
  }
}
