// SPDX-License-Identifier: BSD-2-Clause
// view_run.js -- What is known of the run itself.
import { add } from './grid.js'
import { count, duration, harmless, percent, seconds, size } from './format.js'

function table(parent, title, heads, rows) {
  if (!rows.length)
    return
  const box = add(parent, 'section', heads.length === 3 ? 'wide' : '')
  add(box, 'h3').textContent = title
  const element = add(box, 'table')
  if (heads.length) {
    const head = add(add(element, 'thead'), 'tr')
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
  for (const [each, word] of old ? [[old, ', old'], [trace, ', new']] : [[trace, '']])
    for (const [name, title] of [['cpu', 'CPU sampler'], ['wall', 'Wall-clock sampler']])
      if (each[name])
        sampler(box, `${title}${word}`, each[name])
  const calls = Object.entries(trace.totals.calls ?? {}).filter(([, calls]) => calls)
  table(box, 'Calls', ['function', 'calls'], calls.map(([name, calls]) => [name, number(count(calls))]))
  table(box, 'Threads', ['thread', 'allocations', 'allocated', 'frees', 'CPU'], trace.threads.slice(0, 200).map(thread =>
    [thread.tid ? `${thread.name} (${thread.tid})` : '<exited threads>', number(count(thread.alloc_count)), number(size(thread.alloc_bytes)), number(count(thread.free_count)),
      number(thread.cpu_ns ? duration(thread.cpu_ns) : '')]))
  table(box, 'Marks and snapshots', ['time', 'kind', 'name', 'live'], trace.marks.map(mark =>
    [duration(mark.time_ns), mark.kind, mark.name, number(size(mark.live_bytes))]))
  table(box, 'Modules: where names come from', ['path', 'names', 'why'], trace.modules.map(module => [module.path, module.symbols, module.explanation ?? '']))
}

const hertz = period => period ? `${(1e9 / period).toFixed(0)} Hz` : 'unknown'

// Its account of itself: where all of the CPU time went, sampled or not.
function sampler(parent, title, account) {
  const { samples, sampled_ns: sampled, cpu_time_ns: all } = account
  const part = ns => number(`${seconds(ns)}${all ? `  ${percent(ns, all)}` : ''}`)
  const rows = []
  if (all)
    rows.push(['CPU time, as the kernel counts it', number(seconds(all))])
  rows.push(['in samples', part(sampled)])
  if (account.off_cpu_ns !== undefined)
    rows.push(['of it waiting, off the CPU', number(`${seconds(account.off_cpu_ns)}  ${percent(account.off_cpu_ns, sampled)}`)])
  if (account.sampled_kernel_ns)
    rows.push(['of it in the kernel', number(`${seconds(account.sampled_kernel_ns)}  ${percent(account.sampled_kernel_ns, sampled)}`)])
  for (const [ns, words] of [[account.overrun_ns, 'between samples that came too late'], [account.exited_ns, "after threads' last samples"],
    [account.kernel_ns, 'in the kernel, where it may not sample'], [account.lost_ns, 'in samples that were lost']])
    if (ns)
      rows.push([words, part(ns)])
  if (all && account.unexplained_ns)
    rows.push([account.unexplained_ns > 0 ? 'unexplained' : 'sampled twice', part(Math.abs(account.unexplained_ns))])
  rows.push(['samples', number(count(samples))])
  if (account.engine) {
    rows.push(['engine', number(account.engine)])
    rows.push(['rate', number(`${hertz(account.period_ns)}${account.asked_period_ns !== account.period_ns ? `, ${hertz(account.asked_period_ns)} asked` : ''}`)])
    rows.push(['threads seen', number(count(account.threads))])
  }
  if (account.own_ns && all)
    rows.push(['its own cost', part(account.own_ns)])
  if (samples > 1)
    rows.push(['a line with half of the time is off by', number(`± ${seconds(sampled / 2 / Math.sqrt(samples)).replace(/ s$/, '')} s (one standard error)`)])
  table(parent, title, [], rows)
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
