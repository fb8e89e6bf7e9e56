// SPDX-License-Identifier: BSD-2-Clause
// pairs.js -- Numbers pairs of numbers as they come: the same pair gets the same number.
//
// A Map would do, at several times the time and memory; trees have nodes by the million.
export class Pairs {
  constructor(room = 1024) {
    let slots = 1024
    while (slots < room * 2)
      slots *= 2
    this.count = 0
    this.first = new Int32Array(slots / 2)
    this.second = new Int32Array(slots / 2)
    this.slots = new Int32Array(slots)
  }

  grow() {
    const double = old => {
      const wider = new Int32Array(old.length * 2)
      wider.set(old)
      return wider
    }
    this.first = double(this.first)
    this.second = double(this.second)
    this.slots = new Int32Array(this.slots.length * 2)
    for (let i = 0; i < this.count; i++)
      this.slots[this.slot(this.first[i], this.second[i])] = i + 1
  }

  slot(a, b) {
    const mask = this.slots.length - 1
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let at = (hash ^ (hash >>> 13)) & mask
    for (let number; (number = this.slots[at]) !== 0; at = (at + 1) & mask)
      if (this.first[number - 1] === a && this.second[number - 1] === b)
        break
    return at
  }

  of(a, b) {
    if (this.count === this.first.length)
      this.grow()
    const at = this.slot(a, b)
    if (this.slots[at] === 0) {
      this.first[this.count] = a
      this.second[this.count] = b
      this.slots[at] = ++this.count
    }
    return this.slots[at] - 1
  }
}
