import { fqdnMatches } from '../fqdn.ts'
import { CommandError, notSimulated } from '../../command-error.ts'
import { columns, words, type Command } from './context.ts'

/** `cilium-dbg fqdn`: what the DNS proxy has learned (cilium-dbg/cmd/fqdn.go of v1.17). */
export const fqdn: Command = ({ datapath }, args) => {
  const { words: [what, verb, ...rest], values, flags } = words(args, ['-e=', '--endpoint=', '-s=', '--source=', '-p=', '--matchpattern=', '-o=', '--output=', '-f', '--force'], 'fqdn')
  const { names, context } = datapath
  if (what === 'names' && verb === undefined) {
    return `${JSON.stringify({
      DNSPollNames: null,
      FQDNPolicySelectors: names.selectors.map((selector) => ({ regexString: '', selectorString: `MatchName: ${selector.matchName ?? ''}, MatchPattern: ${selector.matchPattern ?? ''}` })),
    }, null, 2)}\n`
  }
  if (what !== 'cache' || (verb !== 'list' && verb !== 'clean') || rest.length > 0) throw notSimulated(['cilium-dbg fqdn', what, verb, ...rest].filter(Boolean).join(' '), 'use cilium-dbg fqdn cache list, cilium-dbg fqdn cache clean, cilium-dbg fqdn names')
  const pattern = values.get('-p') ?? values.get('--matchpattern')
  const matches = (name: string): boolean => pattern === undefined || pattern === '' || fqdnMatches({ matchPattern: pattern }, name)
  if (verb === 'clean') {
    if (!flags.has('-f') && !flags.has('--force')) throw notSimulated('the question of cilium-dbg fqdn cache clean', 'use --force')
    names.clean(matches)
    return 'FQDN proxy cache cleared\n'
  }
  const endpoint = values.get('-e') ?? values.get('--endpoint')
  const source = values.get('-s') ?? values.get('--source')
  const output = values.get('-o') ?? values.get('--output')
  if (output !== undefined && output !== 'json') throw notSimulated(`cilium-dbg fqdn cache list -o ${output}`, 'use -o json or the table')
  if (endpoint !== undefined && ![...datapath.endpoints.values()].some((e) => String(e.id) === endpoint)) throw new CommandError(`Error: Cannot find endpoint ${endpoint}`)
  const rows = names.rows().filter((row) => (endpoint === undefined || String(row.endpoint) === endpoint) && (source === undefined || source === '' || row.source === source) && matches(row.name))
  const time = (ms: number): string => new Date(context.clock.epoch + ms).toISOString()
  if (output === 'json') {
    return `${JSON.stringify(rows.map((row) => ({
      'endpoint-id': row.endpoint, 'expiration-time': time(row.expiresAt), fqdn: row.name, ips: row.ips, 'lookup-time': time(row.expiresAt - row.ttl * 1000), source: row.source, ttl: row.ttl,
    })), null, 2)}\n`
  }
  return columns([['Endpoint', 'Source', 'FQDN', 'TTL', 'ExpirationTime', 'IPs', ''], ...rows.map((row) => [String(row.endpoint), row.source, row.name, String(row.ttl), time(row.expiresAt), row.ips.join(','), ''])])
}
