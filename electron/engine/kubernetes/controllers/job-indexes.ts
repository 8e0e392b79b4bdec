import type { Pod } from '../types.ts'

/** Indexes of Indexed Jobs: pkg/controller/job/indexed_job_utils.go. */
export const COMPLETION_INDEX = 'batch.kubernetes.io/job-completion-index'
export const FAILURE_COUNT = 'batch.kubernetes.io/job-index-failure-count'
export const IGNORED_FAILURE_COUNT = 'batch.kubernetes.io/job-index-ignored-failure-count'

/** The index of a Pod; -1 without one. */
export function indexOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[COMPLETION_INDEX]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : -1
}

export function countOf({ metadata }: Pod, annotation: string): number {
  const text = metadata.annotations?.[annotation]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : 0
}

/** "1,3-5,7": three and more in a row are written as a range. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b)
  const parts: string[] = []
  for (let i = 0; i < sorted.length; ) {
    let end = i
    while (end + 1 < sorted.length && sorted[end + 1] === sorted[end]! + 1) end++
    if (end === i) parts.push(String(sorted[i]))
    else parts.push(`${sorted[i]}${end === i + 1 ? ',' : '-'}${sorted[end]}`)
    i = end + 1
  }
  return parts.join(',')
}

export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const indexes = new Set<number>()
  for (const part of (text ?? '').split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    if (!match) continue
    for (let i = Number(match[1]); i <= Math.min(Number(match[2] ?? match[1]), completions - 1); i++) indexes.add(i)
  }
  return indexes
}

/** The first indexes that nobody works on or is done with. */
export function pendingIndexes(completions: number, count: number, taken: (index: number) => boolean): number[] {
  const found: number[] = []
  for (let i = 0; i < completions && found.length < count; i++) if (!taken(i)) found.push(i)
  return found
}
