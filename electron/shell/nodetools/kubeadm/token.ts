import type { Cluster, Process, Task } from '../../../engine/cluster.ts'
import { encodeBase64 } from '../../../engine/kubernetes/base64.ts'
import { BOOTSTRAP_NAMESPACE, BOOTSTRAP_PREFIX, BOOTSTRAP_TOKEN, bootstrapTokenOf, type BootstrapToken } from '../../../engine/kubernetes/bootstrap-token.ts'
import { StatusError } from '../../../engine/kubernetes/client.ts'
import { humanDuration, timestamp } from '../../../engine/kubernetes/human-duration.ts'
import type { Secret } from '../../../engine/kubernetes/types.ts'
import { parseGoDuration } from '../../../engine/programs/http/go.ts'
import { der, derBits, derInteger, derOid, TAG } from '../../../engine/programs/tls/der.ts'
import { OID, readCertificates } from '../../../engine/programs/tls/x509.ts'
import { hex, sha256 } from '../../../engine/sha256.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { type Admin, KubeadmError, kubeconfigPath, NotSimulated, openAdmin, requestError } from './client.ts'

const PATTERN = '\\A([a-z0-9]{6})\\.([a-z0-9]{16})\\z'
const LETTERS = '0123456789abcdefghijklmnopqrstuvwxyz'
const COMMON = '--kubeconfig string=\n--dry-run bool\n'
const FLAGS: Readonly<Record<string, string>> = {
  create: `${COMMON}--config string=\n--certificate-key string=\n--print-join-command bool\n--ttl string=24h0m0s\n--usages slice=signing,authentication\n--groups slice=system:bootstrappers:kubeadm:default-node-token\n--description string=`,
  list: `${COMMON}-o --experimental-output string=\n--output string=text`,
  delete: COMMON,
  generate: COMMON,
}

/** kubeadm token: cmd/kubeadm/app/cmd/token.go. */
export function* token(process: Process, cluster: Cluster, [verb = '', ...words]: readonly string[]): Task<string> {
  const declared = Object.hasOwn(FLAGS, verb) ? FLAGS[verb] : undefined
  if (declared === undefined) throw new KubeadmError(verb === '' ? 'missing subcommand; "token" is not meant to be run on its own' : `invalid subcommand "${verb}"`)
  const given = new FlagSet(flags(declared))
  given.parse(words)
  if (given.bool('dry-run')) throw new NotSimulated('kubeadm token --dry-run (use kubeadm token list to see what there is)')
  if (verb === 'generate') return `${freshToken(process)}\n`
  const open = (): Task<Admin> => openAdmin(process, cluster, kubeconfigPath(process, given.changed('kubeconfig') ? given.string('kubeconfig') : undefined))
  if (verb === 'list') return yield* listed(process, given, open)
  return verb === 'create' ? yield* created(process, given, open) : yield* deleted(given, open)
}

export function freshToken({ clock }: Process): string {
  const random = clock.random.fork(`bootstrap token ${clock.now}`)
  const some = (length: number): string => Array.from({ length }, () => LETTERS[random.below(LETTERS.length)]).join('')
  return `${some(6)}.${some(16)}`
}

function* listed({ clock }: Process, given: FlagSet, open: () => Task<Admin>): Task<string> {
  const format = given.string('output')
  if (format !== 'text' || given.string('experimental-output') !== '') throw new NotSimulated('kubeadm token list -o (use kubectl -n kube-system get secrets --field-selector type=bootstrap.kubernetes.io/token -o yaml)')
  const { client, server } = yield* open()
  let found: readonly Secret[]
  try {
    found = client.list<Secret>('secrets', { namespace: BOOTSTRAP_NAMESPACE, fieldSelector: `type=${BOOTSTRAP_TOKEN}` }).items
  } catch (error) {
    throw new KubeadmError(`failed to list bootstrap tokens: ${requestError(error, 'Get', `${server}/api/v1/namespaces/kube-system/secrets?fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken`)}`)
  }
  const tokens = found.map(bootstrapTokenOf).filter((each) => each !== undefined)
  if (tokens.length === 0) return ''
  const table = new TabWriter({ minWidth: 10, padding: 3 })
  table.write('TOKEN\tTTL\tEXPIRES\tUSAGES\tDESCRIPTION\tEXTRA GROUPS\n')
  const none = (text: string): string => text || '<none>'
  for (const { id, secret, expires, usages, description, groups } of tokens) {
    const ttl = expires === undefined ? '<forever>' : shortDuration(Date.parse(expires) - clock.wall())
    table.write(`${id}.${secret}\t${ttl}\t${expires ?? '<never>'}\t${none(usages.join(','))}\t${none(description)}\t${none(groups.join(','))}\n`)
  }
  return table.flush()
}

/** duration.ShortHumanDuration: one unit. */
export function shortDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < 60) return humanDuration(ms)
  const [minutes, hours] = [Math.trunc(seconds / 60), Math.trunc(seconds / 3600)]
  if (minutes < 60) return `${minutes}m`
  if (hours < 24) return `${hours}h`
  return hours < 24 * 365 ? `${Math.trunc(hours / 24)}d` : `${Math.trunc(hours / 24 / 365)}y`
}

function* created(process: Process, given: FlagSet, open: () => Task<Admin>): Task<string> {
  if (given.string('config') !== '' || given.string('certificate-key') !== '') throw new NotSimulated('kubeadm token create --config and --certificate-key (use its other flags)')
  const text = given.args[0] ?? freshToken(process)
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? []
  if (id === undefined || secret === undefined) throw new KubeadmError(`the bootstrap token ${JSON.stringify(text)} was not of the form ${JSON.stringify(PATTERN)}`)
  const ttl = given.string('ttl') === '0' ? 0 : parseGoDuration(given.string('ttl'))
  if (ttl === undefined) throw new KubeadmError(`invalid argument ${JSON.stringify(given.string('ttl'))} for "--ttl" flag: time: invalid duration ${JSON.stringify(given.string('ttl'))}`)
  const [usages, groups] = [given.list('usages'), given.list('groups')]
  const wrong = [
    ...usages.filter((each) => each !== 'signing' && each !== 'authentication').length > 0 ? [`bootstrapTokens[0].usages: Invalid value: ${goList(usages)}: invalid bootstrap token usage string: ${goWords(usages.filter((each) => each !== 'signing' && each !== 'authentication'))}, valid usage options: [signing authentication]`] : [],
    ...groups.filter((group) => !/^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/.test(group)).map((group) => `bootstrapTokens[0].groups: Invalid value: ${JSON.stringify(group)}: bootstrap group ${JSON.stringify(group)} is invalid (must match \\Asystem:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]\\z)`),
  ]
  if (wrong.length > 0) throw new KubeadmError(wrong.length === 1 ? wrong[0]! : `[${wrong.join(', ')}]`)
  const { client, server } = yield* open()
  const expires = ttl > 0 ? timestamp(process.clock.wall() + ttl) : undefined
  try {
    const name = `${BOOTSTRAP_PREFIX}${id}`
    if (client.list('secrets', { namespace: BOOTSTRAP_NAMESPACE, fieldSelector: `metadata.name=${name}` }).items.length > 0) throw new KubeadmError(`a token with id "${id}" already exists`)
    client.create('secrets', BOOTSTRAP_NAMESPACE, secretOf({ id, secret, description: given.string('description'), expires, usages, groups }), { fieldManager: 'kubeadm' })
  } catch (error) {
    if (error instanceof KubeadmError) throw error
    throw new KubeadmError(requestError(error, 'Get', `${server}/api/v1/namespaces/kube-system/secrets/${BOOTSTRAP_PREFIX}${id}?timeout=10s`))
  }
  if (!given.bool('print-join-command')) return `${text}\n`
  return `kubeadm join ${server.replace(/^https:\/\//, '')} --token ${text} --discovery-token-ca-cert-hash sha256:${authorityPin(process.fs.readText('/etc/kubernetes/pki/ca.crt'))} \n`
}

const goList = (words: readonly string[]): string => `[]string{${words.map((word) => JSON.stringify(word)).join(', ')}}`
const goWords = (words: readonly string[]): string => `[${words.join(' ')}]`

/** What kubeadm init makes of its first token. */
export function tokenSecret({ clock }: Process, text: string): object {
  const [id = '', secret = ''] = text.split('.')
  return secretOf({ id, secret, description: "The default bootstrap token generated by 'kubeadm init'.", expires: timestamp(clock.wall() + 86_400_000), usages: ['signing', 'authentication'], groups: ['system:bootstrappers:kubeadm:default-node-token'] })
}

function secretOf({ id, secret, description, expires, usages, groups }: BootstrapToken): object {
  const data: Record<string, string> = { 'token-id': id, 'token-secret': secret, ...(description ? { description } : {}), ...(expires === undefined ? {} : { expiration: expires }) }
  for (const usage of usages) data[`usage-bootstrap-${usage}`] = 'true'
  if (groups.length > 0) data['auth-extra-groups'] = groups.join(',')
  return {
    apiVersion: 'v1', kind: 'Secret', type: BOOTSTRAP_TOKEN, metadata: { name: `${BOOTSTRAP_PREFIX}${id}`, namespace: BOOTSTRAP_NAMESPACE },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, encodeBase64(encodeUtf8(value))])),
  }
}

/** pubkeypin.Hash: of the authority's public key as X.509 has it. */
export function authorityPin(pem: string): string {
  const { rsa } = readCertificates(pem)[0]!
  const algorithm = der(TAG.sequence, derOid(OID.rsa), der(TAG.nothing))
  return hex(sha256(der(TAG.sequence, algorithm, derBits(der(TAG.sequence, derInteger(rsa!.modulus), derInteger(rsa!.exponent))))))
}

function* deleted(given: FlagSet, open: () => Task<Admin>): Task<string> {
  if (given.args.length === 0) throw new KubeadmError('missing argument; \'token delete\' is missing token of form "\\\\A([a-z0-9]{6})\\\\z" or "\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z"')
  let out = ''
  const { client, server } = yield* open()
  for (const word of given.args) {
    const [, id] = /^([a-z0-9]{6})(?:\.[a-z0-9]{16})?$/.exec(word) ?? []
    if (id === undefined) throw new KubeadmError(`given token didn't match pattern "\\\\A([a-z0-9]{6})\\\\z" or "\\\\A([a-z0-9]{6})\\\\.([a-z0-9]{16})\\\\z"`)
    const name = `${BOOTSTRAP_PREFIX}${id}`
    try {
      client.delete('secrets', BOOTSTRAP_NAMESPACE, name)
    } catch (error) {
      const why = error instanceof StatusError ? error.message : requestError(error, 'Delete', `${server}/api/v1/namespaces/kube-system/secrets/${name}?timeout=10s`)
      throw new KubeadmError(`failed to delete bootstrap token "${id}": ${why}`)
    }
    out += `bootstrap token "${id}" deleted\n`
  }
  return out
}
