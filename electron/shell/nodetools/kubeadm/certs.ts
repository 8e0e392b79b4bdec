import type { Cluster, Process, Task } from '../../../engine/cluster.ts'
import { readCertificates } from '../../../engine/programs/tls/x509.ts'
import { FlagSet, flags } from '../../kubectl/flags.ts'
import { TabWriter } from '../../kubectl/printers/tabwriter.ts'
import { ADMIN_CONF, KubeadmError, NotSimulated, openAdmin } from './client.ts'
import { shortDuration } from './token.ts'

const FOLDER = '/etc/kubernetes'
/** Name, file below the folder, authority: phases/certs/renewal. A kubeconfig has its certificate within. */
const LEAVES = [
  ['admin.conf', 'admin.conf', 'ca'], ['apiserver', 'pki/apiserver.crt', 'ca'], ['apiserver-etcd-client', 'pki/apiserver-etcd-client.crt', 'etcd-ca'],
  ['apiserver-kubelet-client', 'pki/apiserver-kubelet-client.crt', 'ca'], ['controller-manager.conf', 'controller-manager.conf', 'ca'],
  ['etcd-healthcheck-client', 'pki/etcd/healthcheck-client.crt', 'etcd-ca'], ['etcd-peer', 'pki/etcd/peer.crt', 'etcd-ca'], ['etcd-server', 'pki/etcd/server.crt', 'etcd-ca'],
  ['front-proxy-client', 'pki/front-proxy-client.crt', 'front-proxy-ca'], ['scheduler.conf', 'scheduler.conf', 'ca'], ['super-admin.conf', 'super-admin.conf', 'ca'],
] as const
const AUTHORITIES = [['ca', 'pki/ca'], ['etcd-ca', 'pki/etcd/ca'], ['front-proxy-ca', 'pki/front-proxy-ca']] as const
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

/** kubeadm certs: cmd/kubeadm/app/cmd/certs.go. */
export function* certs(process: Process, cluster: Cluster, [verb = '', ...words]: readonly string[]): Task<string> {
  if (verb === 'certificate-key') return `${process.clock.random.fork(`certificate key ${process.clock.now}`).hex(64)}\n`
  if (verb !== 'check-expiration') throw verb === '' ? new KubeadmError('missing subcommand; "certs" is not meant to be run on its own') : new NotSimulated(`kubeadm certs ${verb} (use kubeadm certs check-expiration)`)
  const given = new FlagSet(flags(`--cert-dir string=\n--config string=\n--kubeconfig string=${ADMIN_CONF}\n-o --output string=text`))
  given.parse(words)
  if (given.changed('output') || given.changed('config') || given.changed('cert-dir')) throw new NotSimulated('kubeadm certs check-expiration with flags (use it without)')
  return `${yield* configurationRead(process, cluster, given.string('kubeconfig'))}${table(process)}`
}

function* configurationRead(process: Process, cluster: Cluster, path: string): Task<string> {
  const head = '[check-expiration] Reading configuration from the "kubeadm-config" ConfigMap in namespace "kube-system"...\n'
  if (!process.fs.exists(path)) return ''
  try {
    const { client } = yield* openAdmin(process, cluster, path)
    client.get('configmaps', 'kube-system', 'kubeadm-config')
    return `${head}[check-expiration] Use 'kubeadm init phase upload-config --config your-config-file' to re-upload it.\n\n`
  } catch {
    return `${head}[check-expiration] Error reading configuration from the Cluster. Falling back to default configuration\n\n`
  }
}

function table({ fs, clock }: Process): string {
  const out = new TabWriter({ minWidth: 10, padding: 3 })
  /** A kubeconfig's own certificate is made in the same moment as the API server's. */
  const expiry = (file: string): number | undefined => {
    const at = file.endsWith('.conf') ? `${FOLDER}/pki/apiserver.crt` : `${FOLDER}/${file}`
    return fs.exists(`${FOLDER}/${file}`) && fs.exists(at) ? readCertificates(fs.readText(at))[0]?.notAfter : undefined
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
