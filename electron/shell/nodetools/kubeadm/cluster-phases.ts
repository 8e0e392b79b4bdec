import type { Cluster, Deployment, KubeObject, Process, Task } from '../../../engine/cluster.ts'
import { staticPods } from '../../../engine/assembly/control-plane.ts'
import { kubeadmObjects } from '../../../engine/assembly/kubeadm.ts'
import type { NodeConfig } from '../../../engine/config.ts'
import { coreDnsManifests } from '../../../engine/dns/manifests.ts'
import { StatusError } from '../../../engine/kubernetes/client.ts'
import { defaultRbac } from '../../../engine/kubernetes/rbac/default-objects.ts'
import { kubeProxyManifests } from '../../../engine/proxy/manifests.ts'
import { encodeUtf8 } from '../../../engine/text.ts'
import type { FlagSet } from '../../kubectl/flags.ts'
import { ADMIN_CONF, KubeadmError, openAdmin, requestError } from './client.ts'
import { freshToken, tokenSecret } from './token.ts'

/** The phases of kubeadm init that put back what is lost: manifests of the control plane, add-ons, configurations, the first token. */
export interface Place { process: Process; cluster: Cluster; node: NodeConfig; given: FlagSet }

const MANIFESTS = '/etc/kubernetes/manifests'
const PARTS = ['apiserver', 'controller-manager', 'scheduler']

/** phases/init/controlplane.go. */
export function controlPlane(place: Place, part: string): string {
  if (part === 'all') return `[control-plane] Using manifest folder "${MANIFESTS}"\n${PARTS.map((each) => controlPlane(place, each)).join('')}`
  if (!PARTS.includes(part)) throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  writeManifest(place, `kube-${part}`)
  return `[control-plane] Creating static Pod manifest for "kube-${part}"\n`
}

/** phases/init/etcd.go. */
export function etcd(place: Place, part: string): string {
  if (part !== 'local') throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  writeManifest(place, 'etcd')
  return `[etcd] Creating static Pod manifest for local etcd in "${MANIFESTS}"\n`
}

function writeManifest({ process: { fs }, cluster, node }: Place, name: string): void {
  fs.makeDirectory(MANIFESTS, { parents: true })
  fs.writeFile(`${MANIFESTS}/${name}.yaml`, encodeUtf8(staticPods(cluster.config, node).files[`${name}.yaml`]!), 0o600)
}

type Object = KubeObject & { apiVersion: string; kind: string }

/** phases/addons/{dns,proxy}: what is there is made as it was, only the Corefile is the administrator's. */
export function* addon(place: Place, part: string): Task<string> {
  if (!['all', 'coredns', 'kube-proxy'].includes(part)) throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  const { config } = place.cluster
  const put = yield* writer(place, `addon/${part}`)
  let out = ''
  if (part !== 'kube-proxy') {
    put.all([account('coredns'), ...rbac('clusterroles', 'system:coredns'), ...rbac('clusterrolebindings', 'system:coredns')])
    for (const object of coreDnsManifests(config) as Object[]) {
      const before = put.find(object)
      if (before && object.kind === 'ConfigMap') continue
      // who scaled it keeps its replicas
      const { replicas } = (before as Deployment | undefined)?.spec ?? {}
      put.one(object.kind === 'Deployment' && replicas ? { ...object, spec: { ...(object as unknown as Deployment).spec, replicas } } as unknown as Object : object)
    }
    out += '[addons] Applied essential addon: CoreDNS\n'
  }
  if (part !== 'coredns') {
    put.all([account('kube-proxy'), ...rbac('clusterrolebindings', 'kubeadm:node-proxier'), ...rbac('roles', 'kube-proxy'), ...rbac('rolebindings', 'kube-proxy'), ...(kubeProxyManifests(config) as Object[])])
    out += '[addons] Applied essential addon: kube-proxy\n'
  }
  return out
}

/** phases/init/uploadconfig.go. */
export function* uploadConfig(place: Place, part: string): Task<string> {
  if (!['all', 'kubeadm', 'kubelet'].includes(part)) throw new KubeadmError(`invalid subcommand ${JSON.stringify(part)}`)
  const put = yield* writer(place, `upload-config/${part}`)
  const upload = (name: string, right: string): void => put.all([configMap(place, name), ...rbac('roles', right), ...rbac('rolebindings', right)])
  let out = ''
  if (part !== 'kubelet') {
    upload('kubeadm-config', 'kubeadm:nodes-kubeadm-config')
    out += '[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace\n'
  }
  if (part !== 'kubeadm') {
    upload('kubelet-config', 'kubeadm:kubelet-config')
    out += '[kubelet] Creating a ConfigMap "kubelet-config" in namespace kube-system with the configuration for the kubelets in the cluster\n'
  }
  return out
}

/** phases/init/bootstraptoken.go: a token for a day, and what makes tokens work. */
export function* bootstrapToken(place: Place): Task<string> {
  const { process, given } = place
  const put = yield* writer(place, 'bootstrap-token')
  const text = freshToken(process)
  put.one(tokenSecret(process, text) as Object)
  put.all(['kubeadm:get-nodes', 'system:node-bootstrapper'].flatMap((name) => rbac('clusterroles', name)))
  put.all(['kubeadm:get-nodes', 'kubeadm:kubelet-bootstrap', 'kubeadm:node-autoapprove-bootstrap', 'kubeadm:node-autoapprove-certificate-rotation'].flatMap((name) => rbac('clusterrolebindings', name)))
  const info = configMap(place, 'cluster-info')
  if (!put.find(info)) put.one(info)
  put.all(['roles', 'rolebindings'].flatMap((resource) => rbac(resource, 'kubeadm:bootstrap-signer-clusterinfo')))
  const rules = ['to get nodes', 'to post CSRs in order for nodes to get long term certificate credentials'].map((what) => `[bootstrap-token] Configured RBAC rules to allow Node Bootstrap tokens ${what}\n`).join('')
  return `${given.bool('skip-token-print') ? '' : `[bootstrap-token] Using token: ${text}\n`}[bootstrap-token] Configuring bootstrap tokens, cluster-info ConfigMap, RBAC Roles
${rules}[bootstrap-token] Configured RBAC rules to allow the csrapprover controller automatically approve CSRs from a Node Bootstrap Token
[bootstrap-token] Configured RBAC rules to allow certificate rotation for all node client certificates in the cluster
[bootstrap-token] Creating the "cluster-info" ConfigMap in the "kube-public" namespace
`
}

function account(name: string): Object {
  return { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'kube-system' } } as unknown as Object
}

function rbac(resource: string, name: string): Object[] {
  return (defaultRbac()[resource] ?? []).filter(({ metadata }) => metadata.name === name) as unknown as Object[]
}

function configMap({ process, cluster, node }: Place, name: string): Object {
  return kubeadmObjects(process.clock, cluster.config, node)['configmaps']!.find(({ metadata }) => metadata.name === name) as unknown as Object
}

interface Writer { find(object: Object): KubeObject | undefined; one(object: Object): void; all(objects: readonly Object[]): void }

/** apiclient.CreateOrUpdate with the administrator's rights. */
function* writer({ process, cluster, given }: Place, phase: string): Task<Writer> {
  const { client, server } = yield* openAdmin(process, cluster, given.changed('kubeconfig') ? given.string('kubeconfig') : ADMIN_CONF)
  const tried = <T>(name: string, act: () => T): T => {
    try {
      return act()
    } catch (error) {
      throw new KubeadmError(`error execution phase ${phase}: ${requestError(error, 'Post', `${server}/${name}?timeout=10s`)}`)
    }
  }
  const resourceOf = ({ apiVersion, kind }: Object): string => {
    const { name, key } = client.findResource(apiVersion.includes('/') ? `${kind}.${apiVersion.split('/').reverse().join('.')}` : kind)!
    return key ?? name
  }
  const put: Writer = {
    find: (object) => tried(object.metadata.name, () => {
      try {
        return client.get(resourceOf(object), object.metadata.namespace, object.metadata.name)
      } catch (error) {
        if (error instanceof StatusError && error.status.reason === 'NotFound') return undefined
        throw error
      }
    }),
    one: (object) => tried(object.metadata.name, () => {
      const { namespace, name } = object.metadata
      const before = put.find(object)
      if (!before) return void client.create(resourceOf(object), namespace, object, { fieldManager: 'kubeadm' })
      client.update(resourceOf(object), namespace, name, { ...object, metadata: { ...object.metadata, resourceVersion: before.metadata.resourceVersion } }, { fieldManager: 'kubeadm' })
    }),
    all: (objects) => objects.forEach((object) => put.one(object)),
  }
  return put
}
