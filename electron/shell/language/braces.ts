import type { Part, Word } from './ast.ts'
import { ExpansionError } from './errors.ts'

/** Brace expansion (bash(1)): {a,b}, {1..9}, {a..e..2}. Works on parts, so that quotes and $… stay whole. */
export function expandBraces(word: Word): Word[] {
  if (!word.parts.some((p) => p.kind === 'literal' && p.text.includes('{'))) return [word]
  const items: Item[] = []
  for (const part of word.parts) {
    if (part.kind === 'literal') for (const char of part.text) items.push(char)
    else items.push(part)
  }
  return expandItems(items).map((list) => ({ parts: joined(list), line: word.line }))
}

/** Longest list that braces may make here; bash has no limit but the memory's. */
const LONGEST = 100_000

class TooManyWords extends ExpansionError {
  constructor() {
    super(`podhop: not simulated: braces that make more than ${LONGEST} words (for ((i = 1; i <= n; i++)))`)
  }
}

/** A character of an unquoted literal, or a part that braces do not look into. */
type Item = string | Part

function joined(items: readonly Item[]): Part[] {
  const parts: Part[] = []
  let text = ''
  for (const item of items) {
    if (typeof item === 'string') text += item
    else {
      if (text) parts.push({ kind: 'literal', text })
      text = ''
      parts.push(item)
    }
  }
  if (text) parts.push({ kind: 'literal', text })
  return parts
}

function expandItems(items: readonly Item[]): Item[][] {
  for (let open = 0; open < items.length; open++) {
    if (items[open] !== '{') continue
    let depth = 0
    let close = -1
    const commas: number[] = []
    for (let i = open; i < items.length; i++) {
      if (items[i] === '{') depth++
      else if (items[i] === '}' && --depth === 0) {
        close = i
        break
      } else if (items[i] === ',' && depth === 1) commas.push(i)
    }
    if (close < 0) continue
    const inside = items.slice(open + 1, close)
    let choices: Item[][] | undefined
    if (commas.length > 0) {
      const cuts = [open, ...commas, close]
      choices = cuts.slice(0, -1).flatMap((cut, i) => expandItems(items.slice(cut + 1, cuts[i + 1])))
    } else if (inside.every((i) => typeof i === 'string')) choices = sequence(inside.join(''))?.map((text) => [...text])
    if (!choices) continue
    const before = items.slice(0, open)
    const after = expandItems(items.slice(close + 1))
    if (choices.length * after.length > LONGEST) throw new TooManyWords()
    return choices.flatMap((choice) => after.map((rest) => [...before, ...choice, ...rest]))
  }
  return [[...items]]
}


function sequence(text: string): string[] | undefined {
  const numbers = /^(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?$/.exec(text)
  const letters = /^([A-Za-z])\.\.([A-Za-z])(?:\.\.(-?\d+))?$/.exec(text)
  const match = numbers ?? letters
  if (!match) return undefined
  const from = numbers ? Number(match[1]) : match[1]!.charCodeAt(0)
  const to = numbers ? Number(match[2]) : match[2]!.charCodeAt(0)
  const step = Math.max(1, Math.abs(Number(match[3] ?? 1)))
  if (Math.abs(to - from) / step > LONGEST) throw new TooManyWords()
  const padded = numbers && (/^-?0\d/.test(match[1]!) || /^-?0\d/.test(match[2]!))
  const width = padded ? Math.max(match[1]!.length, match[2]!.length) : 0
  const out: string[] = []
  for (let n = from; from <= to ? n <= to : n >= to; n += from <= to ? step : -step) {
    out.push(numbers ? (n < 0 ? '-' + String(-n).padStart(width - 1, '0') : String(n).padStart(width, '0')) : String.fromCharCode(n))
  }
  return out
}
