import type { ClusterConfig } from '../../config.ts'
import { WEAVE_VERSION } from './names.ts'

/**
 * The objects of weave-daemonset-k8s-1.11.yaml of Weave Net 2.8.1. IPALLOC_RANGE is the podCIDR of the cluster file:
 * all nodes share it, none has a part of its own; spec.podCIDR of the Nodes means nothing here.
 */
export function weaveManifests({ podCIDR }: ClusterConfig): object[] {
  const labels = { name: 'weave-net' }
  const own = { name: 'weave-net', labels }
  const inSystem = { ...own, namespace: 'kube-system' }
  const hostname = { name: 'HOSTNAME', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'spec.nodeName' } } }
  const mount = (name: string, mountPath: string, readOnly?: boolean): object => ({ name, mountPath, ...(readOnly ? { readOnly } : {}) })
  const hostPath = (name: string, path: string, type?: string): object => ({ name, hostPath: { path, ...(type ? { type } : {}) } })
  const kube = `weaveworks/weave-kube:${WEAVE_VERSION}`
  const lock = mount('xtables-lock', '/run/xtables.lock')
  const read = ['get', 'list', 'watch']
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: own,
      rules: [
        { apiGroups: [''], resources: ['pods', 'namespaces', 'nodes'], verbs: read },
        { apiGroups: ['extensions'], resources: ['networkpolicies'], verbs: read },
        { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
        { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch', 'update'] },
      ],
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRoleBinding', metadata: own, roleRef: { kind: 'ClusterRole', name: 'weave-net', apiGroup: 'rbac.authorization.k8s.io' }, subjects: [{ kind: 'ServiceAccount', name: 'weave-net', namespace: 'kube-system' }] },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: inSystem,
      rules: [{ apiGroups: [''], resources: ['configmaps'], resourceNames: ['weave-net'], verbs: ['get', 'update'] }, { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] }],
    },
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata: inSystem, roleRef: { kind: 'Role', name: 'weave-net', apiGroup: 'rbac.authorization.k8s.io' }, subjects: [{ kind: 'ServiceAccount', name: 'weave-net', namespace: 'kube-system' }] },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: inSystem,
      spec: {
        selector: { matchLabels: labels },
        minReadySeconds: 5,
        template: {
          metadata: { labels },
          spec: {
            initContainers: [{
              name: 'weave-init', image: kube, command: ['/home/weave/init.sh'], securityContext: { privileged: true },
              volumeMounts: [mount('cni-bin', '/host/opt'), mount('cni-bin2', '/host/home'), mount('cni-conf', '/host/etc'), mount('lib-modules', '/lib/modules'), lock],
            }],
            containers: [
              {
                name: 'weave', image: kube, command: ['/home/weave/launch.sh'],
                env: [{ name: 'INIT_CONTAINER', value: 'true' }, hostname, { name: 'IPALLOC_RANGE', value: podCIDR[0]! }],
                readinessProbe: { httpGet: { host: '127.0.0.1', path: '/status', port: 6784 } },
                resources: { requests: { cpu: '50m' } },
                securityContext: { privileged: true },
                volumeMounts: [mount('weavedb', '/weavedb'), mount('dbus', '/host/var/lib/dbus', true), mount('cni-machine-id', '/host/etc/machine-id', true), lock],
              },
              {
                name: 'weave-npc', image: `weaveworks/weave-npc:${WEAVE_VERSION}`, env: [hostname],
                resources: { requests: { cpu: '50m' } }, securityContext: { privileged: true }, volumeMounts: [lock],
              },
            ],
            hostNetwork: true,
            dnsPolicy: 'ClusterFirstWithHostNet',
            hostPID: false,
            restartPolicy: 'Always',
            securityContext: { seLinuxOptions: {} },
            serviceAccountName: 'weave-net',
            tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }, { effect: 'NoExecute', operator: 'Exists' }],
            volumes: [
              hostPath('weavedb', '/var/lib/weave'), hostPath('cni-bin', '/opt'), hostPath('cni-bin2', '/home'), hostPath('cni-conf', '/etc'), hostPath('cni-machine-id', '/etc/machine-id'),
              hostPath('dbus', '/var/lib/dbus'), hostPath('lib-modules', '/lib/modules'), hostPath('xtables-lock', '/run/xtables.lock', 'FileOrCreate'),
            ],
            priorityClassName: 'system-node-critical',
          },
        },
        updateStrategy: { type: 'RollingUpdate' },
      },
    },
  ]
}
