import { expect, test } from 'vitest'
import { house } from '../../shell/house.samples.ts'

const LISTED = (type: string, resource: string, group: string): string =>
  `[INFO] plugin/kubernetes: pkg/mod/k8s.io/client-go@v0.31.2/tools/cache/reflector.go:243: failed to list *v1.${type}: ${resource}${group && `.${group}`} is forbidden: User "system:serviceaccount:kube-system:coredns" cannot list resource "${resource}" in API group "${group}" at the cluster scope\n[ERROR] plugin/kubernetes: Unhandled Error\n`

test('CoreDNS without its ClusterRoleBinding is never ready, says why, and answers that it does not know', () => {
  const { run } = house()
  run('kubectl run c --image=nicolaka/netshoot -- sleep infinity; kubectl wait --for=condition=ready pod/c')
  run('kubectl delete clusterrolebinding system:coredns')
  // who runs already has its watches
  expect(run('kubectl exec c -- dig +short kubernetes.default.svc.cluster.local').output).toBe('10.96.0.1\n')
  run('kubectl -n kube-system delete pod -l k8s-app=kube-dns; sleep 8')
  const log = run('kubectl -n kube-system logs -l k8s-app=kube-dns --tail=-1 --max-log-requests=9 | head -n 40').output
  expect(log.startsWith(LISTED('Service', 'services', '') + LISTED('EndpointSlice', 'endpointslices', 'discovery.k8s.io') + LISTED('Namespace', 'namespaces', ''))).toBe(true)
  expect(log).toContain('[INFO] plugin/ready: Still waiting on: "kubernetes"\n')
  expect(log).toMatch(/(\[INFO\] plugin\/kubernetes: waiting for Kubernetes API before starting server\n){3}\[WARNING\] plugin\/kubernetes: starting server with unsynced Kubernetes API\n\.:53\n/)
  expect(run("kubectl -n kube-system get deploy coredns -o jsonpath='{.status.readyReplicas}'; kubectl exec c -- dig +short +tries=1 kubernetes.default.svc.cluster.local").output).toContain('communications error to 10.96.0.10#53: connection refused')
  const pod = "$(kubectl -n kube-system get pods -l k8s-app=kube-dns -o jsonpath='{.items[0].status.podIP}')"
  const answer = run(`kubectl exec c -- dig kubernetes.default.svc.cluster.local @${pod}; kubectl exec c -- curl -sw ' %{http_code}' ${pod}:8181/ready`).output
  expect(answer).toContain('status: SERVFAIL')
  expect(answer).toMatch(/\nkubernetes 503$/)
  // mended, it is found without a restart
  run('kubectl create clusterrolebinding system:coredns --clusterrole=system:coredns --serviceaccount=kube-system:coredns; sleep 40')
  expect(run('kubectl exec c -- dig +short kubernetes.default.svc.cluster.local').output).toBe('10.96.0.1\n')
})

test('a running CoreDNS whose right goes keeps what it knows, and learns nothing new when its watches end', () => {
  const { run } = house()
  run('kubectl run c --image=nicolaka/netshoot -- sleep infinity; kubectl wait --for=condition=ready pod/c; kubectl create service clusterip early --tcp=80')
  const dig = (name: string): string => `kubectl exec c -- dig +noall +comments ${name}.default.svc.cluster.local | grep -o 'status: [A-Z]*'`
  run('kubectl delete clusterrolebinding system:coredns; kubectl create service clusterip soon --tcp=80; sleep 31')
  expect(run(dig('soon')).output).toBe('status: NOERROR\n')
  run('sleep 600; kubectl create service clusterip late --tcp=80; kubectl delete service early; sleep 31')
  expect(run(`${dig('late')}; ${dig('early')}`).output).toBe('status: NXDOMAIN\nstatus: NOERROR\n')
  expect(run('kubectl -n kube-system logs -l k8s-app=kube-dns --tail=-1').output).toContain(LISTED('Service', 'services', ''))
  run('kubectl create clusterrolebinding system:coredns --clusterrole=system:coredns --serviceaccount=kube-system:coredns; sleep 61')
  expect(run(`${dig('late')}; ${dig('early')}`).output).toBe('status: NOERROR\nstatus: NXDOMAIN\n')
})

test('CoreDNS started while the API server is away waits for it and then serves', () => {
  const { run } = house()
  run('kubectl run c --image=nicolaka/netshoot -- sleep infinity; kubectl wait --for=condition=ready pod/c')
  run('hop fault apply apiserver-down')
  run("for n in worker-1 worker-2; do hop node $n -- sh -c 'for c in $(crictl ps -q --name coredns); do crictl stop $c; done'; done; sleep 30")
  run('hop fault clear --all')
  expect(run('sleep 60; kubectl exec c -- dig +short kubernetes.default.svc.cluster.local').output).toBe('10.96.0.1\n')
  expect(run('kubectl -n kube-system logs -l k8s-app=kube-dns --tail=-1 | head -2').output).toContain('failed to list *v1.Service: Get "https://10.96.0.1:443/api/v1/services?limit=500&resourceVersion=0": dial tcp')
})
