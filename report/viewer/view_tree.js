// SPDX-License-Identifier: BSD-2-Clause
// view_tree.js -- The call tree as a table whose rows open.
import { Grid } from './grid.js'
import { formats, percent } from './format.js'

const OPEN_SHARE = 0.5 // rows with so much of what is above them are open from the start
const ROWS_MAX = 100000

export class TreeView {
  constructor(element, page) {
    this.page = page
    this.grid = new Grid(element, {
      label: 'call tree', columns: [],
      onOpen: row => this.toggle(row.node),
      onKey: (key, row) => this.key(key, row),
    })
  }

  show() {
    const { tree, measure } = this.page
    if (this.tree !== tree) {
      this.tree = tree
      this.open = new Set([0])
      this.openHeaviest()
    }
    const format = formats[measure.unit]
    const value = node => tree.change ? format.change(tree.change[node]) : format.value(tree.total[node])
    this.grid.setColumns([
      { id: 'total', title: measure.isChange ? 'change' : 'total', isNumber: true, isSortable: false, text: row => value(row.node),
        share: row => tree.change ? tree.change[row.node] / (tree.total[0] || 1) : tree.total[row.node] / (tree.total[0] || 1) },
      { id: 'share', title: 'of all', isNumber: true, isSortable: false, width: '5rem', text: row => percent(tree.total[row.node], tree.total[0]) },
      { id: 'self', title: 'by itself', isNumber: true, isSortable: false, text: row => tree.self[row.node] > 0 && !tree.change ? format.value(tree.self[row.node]) : '' },
      { id: 'name', title: tree.frames && this.page.state.inverted ? 'allocated in, called by' : 'function', isSortable: false, width: 'minmax(30rem, 1fr)',
        fill: (cell, row) => this.fill(cell, row.node), hint: row => row.node ? tree.frames.place(tree.frame[row.node]) : '' },
    ])
    this.arrange()
  }

  fill(cell, node) {
    const { tree } = this
    const depth = tree.depth[node]
    cell.style.paddingLeft = `${0.5 + Math.min(depth, 60) * 0.9}rem`
    const toggle = document.createElement('span')
    toggle.className = 'toggle'
    toggle.textContent = this.isLeaf(node) ? '' : this.open.has(node) ? '▾' : '▸'
    cell.append(toggle, tree.label(node))
    cell.parentElement.setAttribute('aria-level', depth + 1)
    if (!this.isLeaf(node))
      cell.parentElement.setAttribute('aria-expanded', this.open.has(node))
    if (node && tree.kind === 'function') {
      const place = document.createElement('span')
      place.className = 'place'
      place.textContent = tree.frames.label(tree.frame[node], 'module')
      if (place.textContent !== tree.label(node))
        cell.append(place)
    }
  }

  isLeaf(node) {
    const { tree } = this
    const first = tree.childStart[node]
    return first === tree.childStart[node + 1] || tree.total[tree.children[first]] <= 0
  }

  openHeaviest() {
    const { tree } = this
    for (let node = 0, steps = 0; steps < 40 && !this.isLeaf(node); steps++) {
      this.open.add(node)
      const child = tree.children[tree.childStart[node]]
      if (tree.total[child] < OPEN_SHARE * tree.total[node])
        break
      node = child
    }
  }

  arrange() {
    const { tree } = this
    const rows = []
    const stack = [0]
    while (stack.length && rows.length < ROWS_MAX) {
      const node = stack.pop()
      rows.push({ node })
      if (!this.open.has(node))
        continue
      for (let c = tree.childStart[node + 1] - 1; c >= tree.childStart[node]; c--)
        if (tree.total[tree.children[c]] > 0)
          stack.push(tree.children[c])
    }
    this.grid.show(rows)
  }

  toggle(node) {
    if (this.isLeaf(node))
      return
    if (!this.open.delete(node))
      this.open.add(node)
    this.arrange()
  }

  key(key, row) {
    const isOpen = this.open.has(row.node)
    if (key === 'ArrowRight' && !isOpen || key === 'ArrowLeft' && isOpen)
      this.toggle(row.node)
    else if (key === 'ArrowLeft' && row.node)
      this.grid.select(this.grid.rows.findIndex(each => each.node === this.tree.parent[row.node]))
    else
      return false
    return true
  }
}
