// SPDX-License-Identifier: BSD-2-Clause
// grid.js -- A table of any number of rows, of which only those that can be seen are in the document.

const ROW = 24
const BEYOND = 6
const PRINTED = 200

// columns: {id, title, explain?, isNumber, text(row) or fill(cell, row), share?(row), hint?(row)}
export class Grid {
  constructor(element, { label, columns, onSort, onOpen, onKey }) {
    this.element = element
    this.onSort = onSort
    this.onOpen = onOpen
    this.onKey = onKey
    this.selected = -1
    element.classList.add('grid')
    element.setAttribute('role', 'grid')
    element.setAttribute('aria-label', label)
    element.tabIndex = 0
    this.head = add(element, 'div', 'grid-head')
    this.head.setAttribute('role', 'row')
    this.body = add(element, 'div', 'grid-body')
    this.body.setAttribute('role', 'rowgroup')
    this.setColumns(columns)
    element.addEventListener('scroll', () => this.later())
    element.addEventListener('keydown', event => this.key(event))
    new ResizeObserver(() => this.later()).observe(element)
    addEventListener('beforeprint', () => this.print(true))
    addEventListener('afterprint', () => this.print(false))
  }

  setColumns(columns) {
    this.columns = columns
    this.head.replaceChildren(...columns.map((column, i) => {
      const cell = document.createElement('div')
      cell.setAttribute('role', 'columnheader')
      cell.setAttribute('aria-colindex', i + 1)
      cell.className = column.isNumber ? 'number' : 'text'
      cell.title = column.explain ?? ''
      if (column.isSortable === false) {
        cell.textContent = column.title
        return cell
      }
      const button = add(cell, 'button', 'sort')
      button.type = 'button'
      button.textContent = column.title
      button.addEventListener('click', () => this.onSort?.(column.id))
      return cell
    }))
    this.element.setAttribute('aria-colcount', columns.length)
    this.widths()
  }

  widths() {
    const template = this.columns.map(column => column.width ?? (column.isNumber ? '7.5rem' : 'minmax(16rem, 1fr)')).join(' ')
    this.element.style.setProperty('--columns', template)
  }

  markSorted(id, isDescending) {
    this.columns.forEach((column, i) =>
      this.head.children[i].setAttribute('aria-sort', column.id === id ? (isDescending ? 'descending' : 'ascending') : 'none'))
  }

  show(rows) {
    this.rows = rows
    this.element.setAttribute('aria-rowcount', rows.length + 1)
    this.body.style.height = `${rows.length * ROW}px`
    if (this.selected >= rows.length)
      this.selected = -1
    this.later()
  }

  later() {
    if (this.isDue)
      return
    this.isDue = true
    requestAnimationFrame(() => {
      this.isDue = false
      this.draw()
    })
  }

  draw(all = false) {
    if (!this.rows)
      return
    const first = all ? 0 : Math.max(0, Math.floor(this.element.scrollTop / ROW) - BEYOND)
    const last = all ? Math.min(PRINTED, this.rows.length)
      : Math.min(this.rows.length, Math.ceil((this.element.scrollTop + this.element.clientHeight) / ROW) + BEYOND)
    const elements = []
    for (let i = first; i < last; i++)
      elements.push(this.row(i))
    this.body.replaceChildren(...elements)
  }

  row(index) {
    const item = this.rows[index]
    const row = document.createElement('div')
    row.className = index === this.selected ? 'grid-row selected' : 'grid-row'
    row.setAttribute('role', 'row')
    row.setAttribute('aria-rowindex', index + 2)
    row.id = `${this.element.id}-${index}`
    row.style.transform = `translateY(${index * ROW}px)`
    this.columns.forEach((column, i) => {
      const cell = add(row, 'div', column.isNumber ? 'number' : 'text')
      cell.setAttribute('role', 'gridcell')
      cell.setAttribute('aria-colindex', i + 1)
      if (column.fill)
        column.fill(cell, item)
      else
        cell.textContent = column.text(item)
      const share = column.share?.(item)
      if (share)
        heat(cell, share)
      const title = column.hint?.(item)
      if (title)
        cell.title = title
    })
    row.addEventListener('click', event => {
      this.select(index)
      this.onOpen?.(item, event)
    })
    return row
  }

  select(index) {
    this.selected = index
    this.element.setAttribute('aria-activedescendant', `${this.element.id}-${index}`)
    const top = index * ROW
    const room = this.element.clientHeight - this.head.offsetHeight - ROW
    if (top < this.element.scrollTop)
      this.element.scrollTop = top
    else if (top > this.element.scrollTop + room)
      this.element.scrollTop = top - room
    this.draw()
  }

  key(event) {
    if (!this.rows?.length || event.target.closest('button') || event.ctrlKey || event.metaKey || event.altKey)
      return
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 2)
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }
    const item = this.rows[this.selected]
    if (event.key in steps)
      this.select(Math.max(0, Math.min(this.rows.length - 1, this.selected + steps[event.key])))
    else if (item && event.key === 'Enter')
      this.onOpen?.(item, event)
    else if (!item || !this.onKey?.(event.key, item))
      return
    event.preventDefault()
  }

  // Paper does not scroll.
  print(isPrinting) {
    if (!this.rows || !this.element.offsetParent)
      return
    this.body.style.height = `${(isPrinting ? Math.min(PRINTED, this.rows.length) : this.rows.length) * ROW}px`
    this.draw(isPrinting)
  }
}

export function add(parent, tag, className) {
  const element = document.createElement(tag)
  if (className)
    element.className = className
  parent.append(element)
  return element
}

// A bar behind the figure; share from -1 to 1.
export function heat(cell, share) {
  cell.classList.add(share < 0 ? 'shrunk' : 'heat')
  cell.style.setProperty('--share', `${Math.min(100, Math.abs(share) * 100).toFixed(1)}%`)
}
