import type { MatrixCell, NotInForce, PolicyMatrix } from '../../engine/cluster.ts'

/** Pairs that are listed with one reason; of more only the number is told. */
const PAIRS = 8

/** `hop matrix -o json` (design 5.4), a line for each sender; `notInForce` where there are such policies. */
export function matrixJson({ port, protocol, pods, cell }: PolicyMatrix, idle: readonly NotInForce[]): string {
  const names = pods.map((p) => JSON.stringify(p.key))
  const reasonTexts = new Map<MatrixCell, string>()
  const textOf = (c: MatrixCell): string => {
    let text = reasonTexts.get(c)
    if (text === undefined) reasonTexts.set(c, (text = JSON.stringify(c.reason)))
    return text
  }
  const cells: string[] = []
  const reasons: string[] = []
  for (const [from, name] of names.entries()) {
    const row: string[] = []
    const why: string[] = []
    for (const [to, target] of names.entries()) {
      const c = cell(from, to)
      row.push(c.allowed ? `${target}:"allowed"` : `${target}:"denied"`)
      if (!c.allowed) why.push(`${target}:${textOf(c)}`)
    }
    cells.push(`    ${name}: {${row.join(',')}}`)
    if (why.length > 0) reasons.push(`    ${name}: {${why.join(',')}}`)
  }
  const block = (lines: readonly string[]): string => (lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`)
  return `{
  "port": ${JSON.stringify(port)},
  "protocol": "${protocol}",
  "pods": [${names.join(',')}],
  "cells": ${block(cells)},
  "reasons": ${block(reasons)}${idle.length > 0 ? `,\n  "notInForce": ${JSON.stringify(Object.fromEntries(idle.map((i) => [i.policy, i.text])))}` : ''}
}\n`
}

/** For reading: rows send, columns (numbered as the rows) receive; below, what denies. */
export function matrixText({ port, protocol, pods, cell }: PolicyMatrix, notes: readonly string[]): string {
  const width = String(pods.length).length
  const label = Math.max('FROM'.length, ...pods.map((p) => p.key.length))
  const pad = (text: string | number): string => String(text).padStart(width)
  const out = [`${port}/${protocol}: may the Pod of the row connect to the Pod of the column?`, '']
  if (notes.length > 0) out.push(...notes, '')
  out.push(`${' '.repeat(width)} ${'FROM'.padEnd(label)}  ${pods.map((_, i) => pad(i + 1)).join(' ')}`)
  const denied = new Map<string, [number, number][]>()
  let count = 0
  for (const [from, pod] of pods.entries()) {
    const marks = pods.map((_, to) => {
      const c = cell(from, to)
      if (c.allowed) return pad('.')
      count++
      const pairs = denied.get(c.reason!)
      if (pairs) pairs.push([from, to])
      else denied.set(c.reason!, [[from, to]])
      return pad('X')
    })
    out.push(`${pad(from + 1)} ${pod.key.padEnd(label)}  ${marks.join(' ')}`)
  }
  const all = pods.length * pods.length
  out.push('', `. allowed ${all - count}   X denied ${count}`)
  for (const [reason, pairs] of denied) {
    out.push('', reason.replaceAll(' | ', '\n'))
    for (const [from, to] of pairs.slice(0, PAIRS)) out.push(`  X ${pods[from]!.key} → ${pods[to]!.key}`)
    if (pairs.length > PAIRS) out.push(`    and ${pairs.length - PAIRS} more`)
  }
  return `${out.join('\n')}\n`
}
