import type { Hop, Verdict } from '../../electron/bridge/view.ts'

/** Each verdict's sign, word and meaning-colour token. */
export const VERDICT: Record<Verdict, { sign: string; word: string; tone: 'delivered' | 'dropped' | 'pending' | 'flight' }> = {
  delivered: { sign: '✓', word: 'delivered', tone: 'delivered' },
  refused: { sign: '⊘', word: 'refused', tone: 'dropped' },
  rejected: { sign: '⊗', word: 'rejected', tone: 'dropped' },
  dropped: { sign: '✕', word: 'dropped', tone: 'dropped' },
  unreachable: { sign: '⌀', word: 'unreachable', tone: 'dropped' },
  timeout: { sign: '◷', word: 'timed out', tone: 'pending' },
  pending: { sign: '➤', word: 'in flight', tone: 'flight' },
}

export interface HopGroup {
  machine: string
  direction: 'forward' | 'reply'
  /** Numbered from 1 through both directions. */
  hops: { number: number; hop: Hop }[]
}

/** Hops that follow each other on one machine stand together. */
export function groupHops(hops: readonly Hop[], reply: readonly Hop[]): HopGroup[] {
  const groups: HopGroup[] = []
  const add = (hop: Hop, direction: HopGroup['direction'], number: number) => {
    const last = groups.at(-1)
    if (last && last.machine === hop.machine && last.direction === direction) last.hops.push({ number, hop })
    else groups.push({ machine: hop.machine, direction, hops: [{ number, hop }] })
  }
  hops.forEach((hop, i) => add(hop, 'forward', i + 1))
  reply.forEach((hop, i) => add(hop, 'reply', hops.length + i + 1))
  return groups
}
