import type { TrackedConnection } from '../conntrack/connection.ts'
import { UsageError } from '../errors.ts'
import { flag, hex, one, parseMark } from '../extension.ts'
import type { Option, TargetExtension } from '../extension.ts'

/** Targets that write marks: MARK on the packet, CONNMARK on its connection. */

interface MarkChange {
  /** Bits to clear, then bits to flip: new = (old & ~mask) ^ value. */
  value: number
  mask: number
}

function markOptions(extension: string, set: (change: MarkChange) => void): Record<string, Option> {
  const parse = (option: string, text: string): { value: number; mask: number } => parseMark(extension, option, text)
  const option = (name: string, make: (value: number, mask: number) => MarkChange) => one((text) => {
    const { value, mask } = parse(name, text)
    set(make(value, mask))
  })
  return {
    'set-xmark': option('set-xmark', (value, mask) => ({ value, mask })),
    'set-mark': option('set-mark', (value, mask) => ({ value, mask: (value | mask) >>> 0 })),
    'and-mark': option('and-mark', (value) => ({ value: 0, mask: ~value >>> 0 })),
    'or-mark': option('or-mark', (value) => ({ value, mask: value })),
    'xor-mark': option('xor-mark', (value) => ({ value, mask: 0 })),
  }
}

function changeText({ value, mask }: MarkChange): string {
  if (mask === 0) return `xor ${hex(value)}`
  if (mask === 0xffffffff) return `set ${hex(value)}`
  if (value === 0) return `and ${hex(~mask)}`
  return value === mask ? `or ${hex(value)}` : `xset ${hex(value)}/${hex(mask)}`
}

function changed(old: number, { value, mask }: MarkChange): number {
  return ((old & ~mask) ^ value) >>> 0
}

export const MARK: TargetExtension = () => {
  let change: MarkChange | undefined
  return {
    options: markOptions('MARK', (c) => (change = c)),
    finish: () => {
      if (!change) throw new UsageError('MARK: One of the --set-xmark, --{and,or,xor,set}-mark options is required')
      const what = change
      return {
        name: 'MARK', save: ` --set-xmark ${hex(what.value)}/${hex(what.mask)}`, list: () => `MARK ${changeText(what)}`,
        run: ({ packet }) => {
          packet.meta.mark = changed(packet.meta.mark, what)
          return 'continue'
        },
      }
    },
  }
}

export const CONNMARK: TargetExtension = () => {
  let change: MarkChange | undefined
  let copy: 'save' | 'restore' | undefined
  let packetMask = 0xffffffff
  let connectionMask = 0xffffffff
  const masks = (text: string, option: string): number => parseMark('CONNMARK', option, text).value
  return {
    options: {
      ...markOptions('CONNMARK', (c) => (change = c)),
      'save-mark': flag(() => (copy = 'save')),
      'restore-mark': flag(() => (copy = 'restore')),
      nfmask: one((text) => (packetMask = masks(text, 'nfmask'))),
      ctmask: one((text) => (connectionMask = masks(text, 'ctmask'))),
      mask: one((text) => (packetMask = connectionMask = masks(text, 'mask'))),
    },
    finish: () => {
      if (!change && !copy) throw new UsageError('CONNMARK target: No operation specified')
      const what = change
      const way = copy
      const both = packetMask === connectionMask
      const maskList = both ? (packetMask === 0xffffffff ? '' : ` mask ${hex(packetMask)}`) : ` nfmask ${hex(packetMask)} ctmask ~${hex(connectionMask)}`
      return {
        name: 'CONNMARK', tracks: true,
        save: what ? ` --set-xmark ${hex(what.value)}/${hex(what.mask)}` : ` --${way}-mark --nfmask ${hex(packetMask)} --ctmask ${hex(connectionMask)}`,
        list: () => (what ? `CONNMARK ${changeText(what)}` : `CONNMARK ${way}${maskList}`),
        run: ({ packet }) => {
          const connection = packet.meta.connection as TrackedConnection | undefined
          if (!connection) return 'continue'
          if (what) connection.mark = changed(connection.mark, what)
          else if (way === 'save') connection.mark = ((connection.mark & ~connectionMask) ^ (packet.meta.mark & packetMask)) >>> 0
          else packet.meta.mark = ((packet.meta.mark & ~packetMask) ^ (connection.mark & connectionMask)) >>> 0
          return 'continue'
        },
      }
    },
  }
}
