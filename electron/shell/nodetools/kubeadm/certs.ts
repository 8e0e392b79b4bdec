import type { Cluster, Process, Task } from '../../../engine/cluster.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { ADMIN_CONF, KubeadmError, NotSimulated, openAdmin } from './client.ts'
import { AUTHORITIES, certificateIn, LEAVES, renew } from './renew.ts'
import { shortDuration } from './token.ts'

const FOLDER = '/etc/kubernetes'
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** kubeadm certs: cmd/kubeadm/app/cmd/certs.go. */
export function* certs(process: Process, cluster: Cluster, [verb = '', ...words]: readonly string[]): Task<string> {
  if (verb === 'certificate-key') return `${process.clock.random.fork(`certificate key ${process.clock.now}`).hex(64)}\n`
  if (verb === 'renew') return yield* renewed(process, cluster, words)
  if (verb !== 'check-expiration') throw verb === '' ? new KubeadmError('missing subcommand; "certs" is not meant to be run on its own') : new NotSimulated(`kubeadm certs ${verb} (use kubeadm certs check-expiration or renew)`)
  const given = new FlagSet(flags(FLAGS))
  given.parse(words)
  if (given.changed('output') || given.changed('config') || given.changed('cert-dir')) throw new NotSimulated('kubeadm certs check-expiration with flags (use it without)')
  return `${yield* configurationRead(process, cluster, given.string('kubeconfig'), 'check-expiration')}${table(process)}`
}

const FLAGS = `--cert-dir string=\n--config string=\n--kubeconfig string=${ADMIN_CONF}\n-o --output string=text`

function* renewed(process: Process, cluster: Cluster, [which = '', ...words]: readonly string[]): Task<string> {
  if (which === '' || which.startsWith('-')) throw new KubeadmError('missing subcommand; "renew" is not meant to be run on its own')
  const chosen = which === 'all' ? LEAVES : LEAVES.filter(([name]) => name === which)
  if (chosen.length === 0) throw new KubeadmError(`invalid subcommand ${JSON.stringify(which)}`)
  const given = new FlagSet(flags(FLAGS))
  given.parse(words)
  if (given.changed('output') || given.changed('config') || given.changed('cert-dir')) throw new NotSimulated('kubeadm certs renew with flags (use it without)')
  let out = yield* configurationRead(process, cluster, given.string('kubeconfig'), 'renew')
  for (const leaf of chosen) out += renew(process, leaf)
  return which === 'all' ? `${out}\nDone renewing certificates. You must restart the kube-apiserver, kube-controller-manager, kube-scheduler and etcd, so that they can use the new certificates.\n` : out
}

function* configurationRead(process: Process, cluster: Cluster, path: string, who: string): Task<string> {
  const head = `[${who}] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...\n`
  if (!process.fs.exists(path)) return ''
  try {
    const { client } = yield* openAdmin(process, cluster, path)
    client.get('configmaps', 'kube-system', 'kubeadm-config')
    return `${head}[${who}] Use 'kubeadm init phase upload-config --config your-config-file' to re-upload it.\n\n`
  } catch {
    return `${head}[${who}] Error reading configuration from the Cluster. Falling back to default configuration\n\n`
  }
}

function table(process: Process): string {
  const { fs, clock } = process
  const out = new TabWriter({ minWidth: 10, padding: 3 })
  const expiry = (file: string): number | undefined => {
    const path = `${FOLDER}/${file}`
    if (!fs.exists(path)) return undefined
    return certificateIn(process, path)?.notAfter
  }
  const external = (authority: string): string => (fs.exists(`${FOLDER}/${AUTHORITIES.find(([name]) => name === authority)![1]}.key`) ? 'no' : 'yes').padEnd(8)
  out.write('CERTIFICATE\tEXPIRES\tRESIDUAL TIME\tCERTIFICATE AUTHORITY\tEXTERNALLY MANAGED\n')
  for (const [name, file, authority] of LEAVES) {
    const until = expiry(file)
    out.write(until === undefined ? `!MISSING! ${name}\t\t\t\t\n` : `${name}\t${dateText(until)}\t${shortDuration(until - clock.wall())}\t${authority}\t${external(authority)}\n`)
  }
  out.write('\nCERTIFICATE AUTHORITY\tEXPIRES\tRESIDUAL TIME\tEXTERNALLY MANAGED\n')
  for (const [name, file] of AUTHORITIES) {
    const until = expiry(`${file}.crt`)
    out.write(until === undefined ? `!MISSING! ${name}\t\t\t\n` : `${name}\t${dateText(until)}\t${shortDuration(until - clock.wall())}\t${external(name)}\n`)
  }
  return out.flush()
}

/** Go's "Jan 02, 2006 15:04 MST". */
function dateText(wall: number): string {
  const date = new Date(wall)
  const two = (n: number): string => String(n).padStart(2, '0')
  return `${MONTHS[date.getUTCMonth()]} ${two(date.getUTCDate())}, ${date.getUTCFullYear()} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())} UTC`
}
