import { KernelError, UsageError } from '../errors.ts'
import { flag, one, parseNumber } from '../extension.ts'
import type { MatchExtension, Option } from '../extension.ts'

/** -m owner: whose socket a packet comes from (xt_owner; iptables-extensions(8)). Other names than root's are not known here. */

interface Ids { from: number; to: number; invert: boolean }

const MOST = 0xffff_fffe

function idsOf(option: string, text: string): [number, number] {
  if (text === 'root') return [0, 0]
  const parts = text.split('-')
  const numbers = parts.map((part) => parseNumber(part, MOST))
  if (parts.length > 2 || numbers.includes(undefined)) throw new UsageError(`owner: Bad value for "--${option}" option: "${text}"`)
  return [numbers[0]!, numbers[1] ?? numbers[0]!]
}

const rangeText = ({ from, to }: Ids): string => (from === to ? String(from) : `${from}-${to}`)

export const owner: MatchExtension = () => {
  let uid: Ids | undefined
  let gid: Ids | undefined
  let exists: { invert: boolean } | undefined
  let groups = false
  const ids = (option: string, set: (ids: Ids) => void): Option => one((text, invert) => {
    const [from, to] = idsOf(option, text)
    set({ from, to, invert })
  }, true)
  return {
    options: {
      'uid-owner': ids('uid-owner', (v) => (uid = v)), 'gid-owner': ids('gid-owner', (v) => (gid = v)),
      'socket-exists': flag((invert) => (exists = { invert }), true), 'suppl-groups': flag(() => (groups = true)),
    },
    finish: () => {
      if (!uid && !gid && !exists) throw new UsageError('owner: At least one of --uid-owner, --gid-owner or --socket-exists is required')
      if ((uid && uid.from > uid.to) || (gid && gid.from > gid.to)) throw new KernelError('RULE_APPEND failed (Invalid argument)')
      const not = (part: { invert: boolean }): string => (part.invert ? ' !' : '')
      const within = ({ from, to, invert }: Ids, all: readonly number[]): boolean => all.some((id) => id >= from && id <= to) !== invert
      const shown = (what: string, part: Ids | undefined, numeric: boolean): string => (part ? `${part.invert ? '! ' : ''}owner ${what} match ${!numeric && part.to === 0 ? 'root' : rangeText(part)}` : '')
      return {
        name: 'owner', hooks: ['output', 'postrouting'],
        save: `${exists ? `${not(exists)} --socket-exists` : ''}${uid ? `${not(uid)} --uid-owner ${rangeText(uid)}` : ''}${gid ? `${not(gid)} --gid-owner ${rangeText(gid)}` : ''}${groups ? ' --suppl-groups' : ''}`,
        list: (numeric) => [exists ? `${exists.invert ? '! ' : ''}owner socket exists` : '', shown('UID', uid, numeric), shown('GID', gid, numeric)].filter((t) => t !== '').join(' ') + (groups ? ' incl. suppl. groups' : ''),
        test: ({ packet: { meta } }) => {
          const socket = meta.owner
          // what the kernel sends by itself is nobody's
          if (!socket) return (exists?.invert ?? !exists) && (uid?.invert ?? !uid) && (gid?.invert ?? !gid)
          if (exists?.invert) return false
          return (!uid || within(uid, [socket.uid ?? 0])) && (!gid || within(gid, [socket.gid ?? 0, ...(groups ? socket.groups ?? [] : [])]))
        },
      }
    },
  }
}
