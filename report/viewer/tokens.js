// SPDX-License-Identifier: BSD-2-Clause
// tokens.js -- Colours for a line of source: comments, strings, numbers, and the words that most
// languages share. A line at a time, so a comment over several lines is text after its first.

const WORDS = new Set(`auto bool break case catch char class const constexpr continue def default delete do double else enum explicit
extern false float fn for friend from goto if impl import in inline int let lambda long match mut namespace new None null nullptr operator
private protected pub public pass raise return self short signed sizeof static struct super switch template this throw True False true
try type typedef typename union unsigned use using virtual void volatile where while with yield`.split(/\s+/))

const TOKEN = /(\/\/.*$|\/\*.*?(?:\*\/|$)|^\s*\*\s.*$)|("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(\b\d[\w.]*)|([A-Za-z_]\w*)/g

// [[kind, text]]; kind is c, s, n, k or ''.
export function tokens(line) {
  const list = []
  let at = 0
  for (const match of line.matchAll(TOKEN)) {
    const [text, comment, string, number, word] = match
    const kind = comment ? 'c' : string ? 's' : number ? 'n' : WORDS.has(word) ? 'k' : ''
    if (!kind)
      continue
    if (match.index > at)
      list.push(['', line.slice(at, match.index)])
    list.push([kind, text])
    at = match.index + text.length
  }
  if (at < line.length)
    list.push(['', line.slice(at)])
  return list
}
