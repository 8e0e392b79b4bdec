import { encodeUtf8 } from '../../../engine/cluster.ts'

/** The sizes that a table grows through, each at least twice the one before (src/hash.c). */
const PRIMES = [13, 19, 29, 41, 59, 79, 107, 149, 197, 263, 347, 457, 599, 787, 1031, 1361, 1777, 2333, 3037, 3967, 5167, 6719, 8737, 11_369, 14_783]

/** wget goes through its sets in the order of its hash table: so do the lines that tell of them. */
export function inHashOrder(words: Iterable<string>): string[] {
  let cells: (string | undefined)[] = new Array<string | undefined>(PRIMES[0]!).fill(undefined)
  const put = (into: (string | undefined)[], word: string): void => {
    let at = hash(word) % into.length
    while (into[at] !== undefined) at = (at + 1) % into.length
    into[at] = word
  }
  let count = 0
  for (const word of words) {
    if (count >= Math.trunc(cells.length * 0.75)) {
      const size = PRIMES.find((p) => p >= cells.length * 2) ?? cells.length * 2 + 1
      const next = new Array<string | undefined>(size).fill(undefined)
      for (const cell of cells) if (cell !== undefined) put(next, cell)
      cells = next
    }
    put(cells, word)
    count++
  }
  return cells.filter((cell) => cell !== undefined)
}

function hash(word: string): number {
  let h = 0
  for (const byte of encodeUtf8(word)) h = (Math.imul(h, 31) + (byte > 127 ? byte - 256 : byte)) >>> 0
  return h
}
