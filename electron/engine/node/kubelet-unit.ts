import type { MemoryFilesystem } from '../machine/filesystem.ts'

/** Where Debian's package and kubeadm's drop-in lie, and where an administrator adds drop-ins of his own. */
export const KUBELET_UNIT = '/lib/systemd/system/kubelet.service'
export const KUBELET_DROP_IN = '/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf'
const OWN_DROP_INS = '/etc/systemd/system/kubelet.service.d'

export const KUBELET_UNIT_TEXT = `[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`

export const KUBELET_DROP_IN_TEXT = `# Note: This dropin only works with kubeadm and kubelet v1.11+
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
# This is a file that "kubeadm init" and "kubeadm join" generates at runtime, populating the KUBELET_KUBEADM_ARGS variable dynamically
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
# This is a file that the user can use for overrides of the kubelet args as a last resort. Preferably, the user should use
# the .NodeRegistration.KubeletExtraArgs object in the configuration files instead. KUBELET_EXTRA_ARGS should be sourced from this file.
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`

export const KUBELET_FLAGS_FILE = '/var/lib/kubelet/kubeadm-flags.env'
export const KUBELET_FLAGS_TEXT = 'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd/containerd.sock --pod-infra-container-image=registry.k8s.io/pause:3.10"\n'
export const KUBELET_EXTRA_FILE = '/etc/default/kubelet'
export const KUBELET_EXTRA_TEXT = 'KUBELET_EXTRA_ARGS="--v=2"\n'

/** What a node's files say as long as nobody has looked at them. */
const BORN: Readonly<Record<string, string>> = { [KUBELET_UNIT]: KUBELET_UNIT_TEXT, [KUBELET_DROP_IN]: KUBELET_DROP_IN_TEXT, [KUBELET_FLAGS_FILE]: KUBELET_FLAGS_TEXT, [KUBELET_EXTRA_FILE]: KUBELET_EXTRA_TEXT }

export interface UnitCommand {
  /** As the unit writes it, with the names of variables. */
  readonly written: string
  readonly argv: readonly string[]
}

/** The unit kubelet of a node as systemd has loaded it (systemd.service(5), systemd.exec(5)): its files are read at boot and by daemon-reload. */
export class KubeletUnit {
  readonly #fs: MemoryFilesystem
  #loaded: readonly string[] | undefined

  constructor(fs: MemoryFilesystem) {
    this.#fs = fs
  }

  /** Nobody has been on the node: its files are not even there. */
  get isUntouched(): boolean {
    return Object.keys(BORN).every((path) => !this.#fs.exists(path))
  }

  dropIns(): string[] {
    const own = this.#fs.exists(OWN_DROP_INS) ? this.#fs.readDirectory(OWN_DROP_INS).filter((name) => name.endsWith('.conf')).map((name) => `${OWN_DROP_INS}/${name}`) : []
    const name = (path: string): string => path.slice(path.lastIndexOf('/') + 1)
    const hidden = new Set(own.map(name))
    const packaged = this.isUntouched || this.#fs.exists(KUBELET_DROP_IN) ? [KUBELET_DROP_IN].filter((path) => !hidden.has(name(path))) : []
    return [...packaged, ...own].sort((a, b) => (name(a) < name(b) ? -1 : 1))
  }

  /** daemon-reload, and each boot. */
  reload(): void {
    this.#loaded = this.isUntouched ? undefined : this.#read()
  }

  get isStale(): boolean {
    if (this.isUntouched) return false
    const now = this.#read()
    const loaded = this.#loaded ?? [KUBELET_UNIT_TEXT, KUBELET_DROP_IN_TEXT]
    return now.length !== loaded.length || now.some((text, i) => text !== loaded[i])
  }

  /** What a start runs; files with variables are read at each. */
  command(): UnitCommand {
    return commandOf(this.#loaded ?? [KUBELET_UNIT_TEXT, KUBELET_DROP_IN_TEXT], (path) => this.#text(path))
  }

  /** Whether systemd can execute it. */
  canExecute(path: string): boolean {
    return this.isUntouched ? path === '/usr/bin/kubelet' : this.#fs.exists(path) && this.#fs.stat(path).type === 'file'
  }

  #read(): string[] {
    return [KUBELET_UNIT, ...this.dropIns()].map((path) => this.#text(path) ?? '')
  }

  #text(path: string): string | undefined {
    if (this.isUntouched) return BORN[path]
    return this.#fs.exists(path) && this.#fs.stat(path).type === 'file' ? this.#fs.readText(path) : undefined
  }
}

function commandOf(texts: readonly string[], read: (path: string) => string | undefined): UnitCommand {
  const variables = new Map<string, string>()
  const files: string[] = []
  let written = ''
  for (const text of texts) {
    let section = ''
    for (const line of text.replace(/\\\n/g, ' ').split('\n').map((each) => each.trim())) {
      const [, header] = /^\[(.*)\]$/.exec(line) ?? []
      if (header !== undefined) section = header
      if (section !== 'Service') continue
      const [, key, value = ''] = /^(Environment|EnvironmentFile|ExecStart)\s*=\s*(.*)$/.exec(line) ?? []
      if (key === 'ExecStart') written = value
      else if (key === 'EnvironmentFile') files.push(value.replace(/^-/, ''))
      else if (key) for (const word of words(value)) assign(variables, word)
    }
  }
  for (const file of files) for (const line of (read(file) ?? '').split('\n')) if (!/^\s*[#;]/.test(line)) assign(variables, line.trim(), true)
  const argv = words(written).flatMap((word) => {
    const [, whole] = /^\$(\w+)$/.exec(word) ?? []
    return whole === undefined ? [word.replace(/\$\{(\w+)\}/g, (_, name: string) => variables.get(name) ?? '')] : words(variables.get(whole) ?? '')
  })
  return { written, argv }
}

function assign(variables: Map<string, string>, text: string, quoted = false): void {
  const at = text.indexOf('=')
  if (at > 0) variables.set(text.slice(0, at), quoted ? text.slice(at + 1).replace(/^(["'])(.*)\1$/, '$2') : text.slice(at + 1))
}

/** Split at blanks, as systemd does: quotes hold together. */
function words(text: string): string[] {
  return [...text.matchAll(/(?:"([^"]*)"|'([^']*)'|[^\s"']+)+/g)].map(([all]) => all.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'))
}
