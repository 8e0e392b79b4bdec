import type { ClusterConfig } from '../../config.ts'
import { replacesKubeProxy } from '../options.ts'

/**
 * The objects of kube-router's daemonset/kubeadm-kuberouter.yaml, v2.6.0 (without the init container: kube-router itself
 * installs the configuration), or of kubeadm-kuberouter-all-features.yaml where the cluster file says serviceProxy: kube-proxy
 * is left out then, and its bridge's ports reflect what comes back to the same Pod.
 */
export const CNI_CONF = `{
   "cniVersion":"0.3.0",
   "name":"mynet",
   "plugins":[
      {
         "name":"kubernetes",
         "type":"bridge",
         "bridge":"kube-bridge",
         "isDefaultGateway":true,
         "ipam":{
            "type":"host-local"
         }
      }
   ]
}
`

export function kubeRouterManifests(config: ClusterConfig): object[] {
  const labels = { 'k8s-app': 'kube-router', tier: 'node' }
  const proxy = replacesKubeProxy(config)
  const read = ['list', 'get', 'watch']
  const hostPath = (name: string, path: string, type?: string): object => ({ name, hostPath: { path, ...(type ? { type } : {}) } })
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'kube-router-cfg', namespace: 'kube-system', labels },
      data: { 'cni-conf.json': proxy ? CNI_CONF.replace('"isDefaultGateway":true,', '"isDefaultGateway":true,\n         "hairpinMode":true,') : CNI_CONF },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'kube-router', namespace: 'kube-system', labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            priorityClassName: 'system-node-critical',
            serviceAccountName: 'kube-router',
            hostNetwork: true,
            hostPID: true,
            tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }, { key: 'CriticalAddonsOnly', operator: 'Exists' }, { effect: 'NoExecute', operator: 'Exists' }],
            containers: [
              {
                name: 'kube-router',
                image: 'docker.io/cloudnativelabs/kube-router',
                imagePullPolicy: 'Always',
                args: ['--run-router=true', '--run-firewall=true', `--run-service-proxy=${proxy}`, '--bgp-graceful-restart=true', ...(config.ipFamilies[0] === 'IPv6' ? ['--router-id=generate'] : [])],
                env: [
                  { name: 'NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
                  { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                  { name: 'KUBE_ROUTER_CNI_CONF_FILE', value: '/etc/cni/net.d/10-kuberouter.conflist' },
                ],
                livenessProbe: { httpGet: { path: '/healthz', port: 20244 }, initialDelaySeconds: 10, periodSeconds: 3 },
                resources: { requests: { cpu: '250m', memory: '250Mi' } },
                securityContext: { privileged: true },
                volumeMounts: [
                  { name: 'lib-modules', mountPath: '/lib/modules', readOnly: true },
                  { name: 'cni-conf-dir', mountPath: '/etc/cni/net.d' },
                  { name: 'kube-router-cfg', mountPath: '/etc/kube-router' },
                  { name: 'kubeconfig', mountPath: '/var/lib/kube-router/kubeconfig', readOnly: true },
                  { name: 'xtables-lock', mountPath: '/run/xtables.lock' },
                ],
              },
            ],
            volumes: [
              hostPath('lib-modules', '/lib/modules'),
              hostPath('cni-conf-dir', '/etc/cni/net.d'),
              { name: 'kube-router-cfg', configMap: { name: 'kube-router-cfg' } },
              hostPath('kubeconfig', '/var/lib/kube-router/kubeconfig'),
              hostPath('xtables-lock', '/run/xtables.lock', 'FileOrCreate'),
            ],
          },
        },
      },
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'kube-router' },
      rules: [
        { apiGroups: [''], resources: ['namespaces', 'pods', 'services', 'nodes', 'endpoints'], verbs: read },
        { apiGroups: ['networking.k8s.io'], resources: ['networkpolicies'], verbs: read },
        { apiGroups: ['extensions'], resources: ['networkpolicies'], verbs: ['get', 'list', 'watch'] },
        { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update'] },
        { apiGroups: [''], resources: ['services/status'], verbs: ['update'] },
        { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'kube-router' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kube-router' },
      subjects: [{ kind: 'ServiceAccount', name: 'kube-router', namespace: 'kube-system' }],
    },
  ]
}
