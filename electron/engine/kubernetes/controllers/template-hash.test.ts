import { describe, expect, it } from 'vitest'
import { dumpedQuantity } from './go-quantity.ts'
import { revisionHash, templatePatch } from './history.ts'
import { templateHash } from './template.ts'

/** Names that clusters really gave: `kubectl create deployment`, kubeadm, and StatefulSets of published pages. */
const template = (container: object, spec: object = {}, labels: object = { app: 'nginx' }) => ({
  metadata: { creationTimestamp: null, labels },
  spec: {
    containers: [{ name: 'nginx', resources: {}, terminationMessagePath: '/dev/termination-log', terminationMessagePolicy: 'File', ...container }],
    restartPolicy: 'Always', terminationGracePeriodSeconds: 30, dnsPolicy: 'ClusterFirst', securityContext: {}, schedulerName: 'default-scheduler', ...spec,
  },
}) as never

describe('the names of templates', () => {
  it('nginx-5869d7778c is what v1.33 calls kubectl create deployment nginx --image=nginx', () => {
    expect(templateHash(template({ image: 'nginx', imagePullPolicy: 'Always' }), undefined)).toBe('5869d7778c')
  })

  it('coredns-674b8bbfcf is what kubeadm v1.33 installs', () => {
    const labels = { 'k8s-app': 'kube-dns' }
    const probe = { periodSeconds: 10, successThreshold: 1 }
    const container = {
      name: 'coredns', image: 'registry.k8s.io/coredns/coredns:v1.12.0', imagePullPolicy: 'IfNotPresent', args: ['-conf', '/etc/coredns/Corefile'],
      resources: { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } },
      volumeMounts: [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }],
      ports: [[53, 'dns', 'UDP'], [53, 'dns-tcp', 'TCP'], [9153, 'metrics', 'TCP']].map(([containerPort, name, protocol]) => ({ containerPort, name, protocol })),
      livenessProbe: { ...probe, httpGet: { path: '/health', port: 8080, scheme: 'HTTP' }, initialDelaySeconds: 60, timeoutSeconds: 5, failureThreshold: 5 },
      readinessProbe: { ...probe, httpGet: { path: '/ready', port: 8181, scheme: 'HTTP' }, timeoutSeconds: 1, failureThreshold: 3 },
      securityContext: { allowPrivilegeEscalation: false, capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] }, readOnlyRootFilesystem: true },
    }
    const term = { labelSelector: { matchExpressions: [{ key: 'k8s-app', operator: 'In', values: ['kube-dns'] }] }, topologyKey: 'kubernetes.io/hostname' }
    const coredns = template(container, {
      dnsPolicy: 'Default', priorityClassName: 'system-cluster-critical', serviceAccountName: 'coredns', serviceAccount: 'coredns',
      affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }] } },
      tolerations: [{ key: 'CriticalAddonsOnly', operator: 'Exists' }, { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }],
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      volumes: [{ name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }], defaultMode: 420 } }],
    }, labels)
    expect(templateHash(coredns, undefined)).toBe('674b8bbfcf')
    expect(templateHash(coredns, 1)).not.toBe('674b8bbfcf')
  })

  it('revisions of StatefulSets are named by their patch', () => {
    const ports = [{ containerPort: 80, name: 'web', protocol: 'TCP' }]
    expect(revisionHash(templatePatch(template({ image: 'nginx', imagePullPolicy: 'Always', ports })), 0)).toBe('b486b4959')
    const slim = { image: 'registry.k8s.io/nginx-slim:0.24', imagePullPolicy: 'IfNotPresent', ports, volumeMounts: [{ mountPath: '/usr/share/nginx/html', name: 'www' }] }
    expect(revisionHash(templatePatch(template(slim, { terminationGracePeriodSeconds: 10 })), 0)).toBe('7757fc6447')
  })

  it('a quantity keeps its text only where that is canonical beyond doubt', () => {
    const kept = (text: string): string => /s:\(string\)(\S*)/.exec(dumpedQuantity(text))![1]!
    expect(['0', '100m', '170Mi', '1Gi', '2'].map(kept)).toEqual(['0', '100m', '170Mi', '1Gi', '2'])
    expect(kept('128Mi')).toBe('')
    expect(dumpedQuantity('1500m')).toContain('{value:(int64)1500 scale:(resource.Scale)-3}')
    expect(dumpedQuantity('2Ei')).toContain('scale:(inf.Scale)9')
  })
})
