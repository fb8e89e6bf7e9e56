// SPDX-License-Identifier: BSD-2-Clause
// view_run.js -- What is known of the run itself.
import { add } from './grid.js'
import { count, duration, harmless, size } from './format.js'

function table(parent, title, heads, rows) {
  if (!rows.length)
    return
  const box = add(parent, 'section', heads.length === 3 ? 'wide' : '')
  add(box, 'h3').textContent = title
  const element = add(box, 'table')
  if (heads.length) {
    const head = add(element, 'tr')
    heads.forEach((text, i) => Object.assign(add(head, 'th', typeof rows[0][i] === 'object' ? 'number' : ''), { textContent: text, scope: 'col' }))
  }
  for (const row of rows) {
    const line = add(element, 'tr')
    for (const cell of row)
      add(line, 'td', typeof cell === 'object' ? 'number' : '').textContent = typeof cell === 'object' ? cell.number : harmless(String(cell))
  }
}

const number = text => ({ number: text })

export function showRun(element, trace, old) {
  element.replaceChildren()
  const box = add(element, 'div', 'facts')
  for (const [each, word] of old ? [[old, 'old'], [trace, 'new']] : [[trace, '']])
    facts(box, each, word)
  const calls = Object.entries(trace.totals.calls ?? {}).filter(([, calls]) => calls)
  table(box, 'Calls', ['function', 'calls'], calls.map(([name, calls]) => [name, number(count(calls))]))
  table(box, 'Threads', ['thread', 'allocations', 'allocated', 'frees', 'CPU'], trace.threads.slice(0, 200).map(thread =>
    [thread.tid ? `${thread.name} (${thread.tid})` : '<exited threads>', number(count(thread.alloc_count)), number(size(thread.alloc_bytes)), number(count(thread.free_count)),
      number(thread.cpu_ns ? duration(thread.cpu_ns) : '')]))
  table(box, 'Marks and snapshots', ['time', 'kind', 'name', 'live'], trace.marks.map(mark =>
    [duration(mark.time_ns), mark.kind, mark.name, number(size(mark.live_bytes))]))
  table(box, 'Modules: where names come from', ['path', 'names', 'why'], trace.modules.map(module => [module.path, module.symbols, module.explanation ?? '']))
}

function facts(parent, trace, word) {
  const rows = [
    ['program', trace.program], ['executable', trace.executable], ['process', `${trace.pid}, child of ${trace.parent_pid}`],
    ['started', new Date(trace.start_time_ns / 1e6).toISOString().replace('T', ' ').slice(0, 19) + ' UTC'],
    ['end', trace.end], ['ran', duration(trace.duration_ns)], ['trace', trace.name],
  ]
  if (trace.as_of)
    rows.push(['figures', trace.as_of])
  rows.push(['complete', trace.complete ? 'yes' : `no: ${trace.incomplete_because.join('; ')}`])
  rows.push(['stacks', `${count(trace.totals.sites)} call sites, at most ${count(trace.depth_limit)} frames deep`])
  if (trace.is_system)
    rows.push(['charged', 'libc, libstdc++ and allocator wrappers themselves (--system)'])
  table(parent, word ? `Run: ${word}` : 'Run', [], rows)
}
