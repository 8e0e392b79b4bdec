import { base64Url, sha224 } from '../../sha256.ts'
import { concatBytes, encodeUtf8 } from '../../text.ts'

/**
 * Felix's way of writing iptables rules (felix/generictables, felix/iptables): each rule bears a hash of itself and of all before it
 * in its chain, so that a look at the kernel tells whether it is as it should be.
 */
export interface Rule {
  /** As Felix spells it, in its order. */
  match?: string | undefined
  /** "--jump DROP"; absent: the rule only says something. */
  action?: string | undefined
  comments?: readonly string[]
}

export interface Chain { name: string; rules: readonly Rule[] }

/** The bits of the mask 0xffff0000 in the order in which Felix takes them (felix/dataplane/driver.go). */
export const MARK = { accept: 0x10000, pass: 0x20000, drop: 0x40000, scratch0: 0x80000, scratch1: 0x100000 } as const
/** The bits that are left say which endpoint a packet came from, where IPVS hides its interface; the lowest: from none of ours. */
export const ENDPOINT_MARK = 0xffe00000
export const FOREIGN_MARK = 0x200000
export const ALL_MARKS = MARK.accept | MARK.pass | MARK.scratch0 | MARK.scratch1

const hexOf = (mark: number): string => (mark === 0 ? '0' : `0x${(mark >>> 0).toString(16)}`)
export const jump = (chain: string): string => `--jump ${chain}`
export const goTo = (chain: string): string => `--goto ${chain}`
export const clearMark = (bits: number): string => `--jump MARK --set-mark 0/${hexOf(bits)}`
export const setMark = (bits: number): string => `--jump MARK --set-mark ${hexOf(bits)}/${hexOf(bits)}`
export const setMaskedMark = (mark: number, mask: number): string => `--jump MARK --set-mark ${hexOf(mark)}/${hexOf(mask)}`
export const markSet = (bit: number): string => `-m mark --mark ${hexOf(bit)}/${hexOf(bit)}`
export const markClear = (bits: number): string => `-m mark --mark 0/${hexOf(bits)}`
export const markNotClear = (bits: number): string => `-m mark ! --mark 0/${hexOf(bits)}`
export const markIs = (mark: number, mask: number): string => `-m mark --mark ${hexOf(mark)}/${hexOf(mask)}`
export const markIsNot = (mark: number, mask: number): string => `-m mark ! --mark ${hexOf(mark)}/${hexOf(mask)}`
export const ACCEPT = '--jump ACCEPT'
export const DROP = '--jump DROP'
export const RETURN = '--jump RETURN'

const HASH_LENGTH = 16
const UNSAFE = /[^\w @%+=:,./-]/g
const LONGEST_COMMENT = 256

/** What follows "-A CHAIN" and the hash's comment. */
function fragments({ match, action, comments = [] }: Rule): string {
  const notes = comments.map((c) => `-m comment --comment "${c.replace(UNSAFE, '_').slice(0, LONGEST_COMMENT)}"`)
  return [...notes, match, action].filter((f) => f !== undefined && f !== '').join(' ')
}

function ruleHashes({ name, rules }: Chain): string[] {
  let hash = sha224(encodeUtf8(name))
  return rules.map((rule) => {
    const text = fragments(rule)
    hash = sha224(concatBytes([hash, encodeUtf8(`-A ${name} HASH${text === '' ? '' : ` ${text}`}`)]))
    return base64Url(hash).slice(0, HASH_LENGTH)
  })
}

/** The rules as iptables-restore takes them, without "-A CHAIN"; `hashedAs`: the name that goes into the hashes. */
export function renderRules(chain: Chain, hashedAs = chain.name): string[] {
  const hashes = ruleHashes({ ...chain, name: hashedAs })
  return chain.rules.map((rule, i) => {
    const text = fragments(rule)
    return `-m comment --comment "cali:${hashes[i]!}"${text === '' ? '' : ` ${text}`}`
  })
}
