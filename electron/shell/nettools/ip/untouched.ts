import { OTHERS_HELP } from './help-others.ts'

const XFRM = `Usage: ip xfrm XFRM-OBJECT { COMMAND | help }
where  XFRM-OBJECT := state | policy | monitor
`

/** What objects show that nobody here has ever changed: by object, command and verb. */
const SHOWN: ReadonlyMap<string, string> = new Map([
  ['xfrm state', ''], ['xfrm policy', ''], ['xfrm state count', '\t SAD count 0\n'], ['xfrm policy count', '\t SPD IN  0 OUT 0 FWD 0\n'],
  ['ioam namespace show', ''], ['ioam schema show', ''], ['sr tunsrc show', 'tunsrc addr ::\n'], ['sr hmac show', ''],
  ['mptcp limits', 'add_addr_accepted 0 subflows 2 \n'], ['mptcp limits show', 'add_addr_accepted 0 subflows 2 \n'], ['mptcp endpoint', ''], ['mptcp endpoint show', ''],
])

/**
 * IPsec, segment routing, in-situ OAM and multipath TCP: what ip shows of them where there is none. `usage` goes to stderr
 * with exit code 255; undefined: what was asked would change something, or is another object.
 */
export function untouched(object: string, args: readonly string[]): { text: string } | { usage: string } | undefined {
  if (!['xfrm', 'ioam', 'sr', 'mptcp'].includes(object)) return undefined
  const usage = object === 'xfrm' ? XFRM : OTHERS_HELP[object]!
  const words = args.map((word) => (object === 'xfrm' && (word === 'list' || word === 'show') ? '' : word)).filter((word) => word !== '')
  if (words.length === 0 || (object === 'xfrm' && !['state', 'policy', 'monitor'].includes(words[0]!))) return { usage }
  const text = SHOWN.get([object, ...words].join(' '))
  return text === undefined ? undefined : { text }
}
