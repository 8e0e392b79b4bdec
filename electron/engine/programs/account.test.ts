import { expect, test } from 'vitest'
import { house } from '../../shell/house.samples.ts'

const FORBIDDEN = (account: string, verb: string, resource: string, group = ''): string =>
  `${resource}${group && `.${group}`} is forbidden: User \\"system:serviceaccount:${account}\\" cannot ${verb} resource \\"${resource}\\" in API group \\"${group}\\" at the cluster scope`
const nat = (node: string, word: string): string => `hop node ${node} -- sh -c 'iptables-save | grep -c ${word}'`

test('kube-proxy without its ClusterRoleBinding runs and says why, but writes nothing until it may read Services', () => {
  const { run } = house()
  run('kubectl delete clusterrolebinding kubeadm:node-proxier; kubectl -n kube-system delete pod -l k8s-app=kube-proxy; sleep 45')
  expect(run('kubectl -n kube-system get pods -l k8s-app=kube-proxy --no-headers').output).toMatch(/^(kube-proxy-\w{5} +1\/1 +Running +0 +\d+s\n)+$/)
  const log = run('kubectl -n kube-system logs $(kubectl -n kube-system get pod -l k8s-app=kube-proxy -o name | head -n 1)').output
  expect(log.match(/server\.go:707\] "Failed to retrieve node info" err="nodes \\"\S+\\" is forbidden: User \\"system:serviceaccount:kube-system:kube-proxy\\" cannot get resource \\"nodes\\" in API group \\"\\" at the cluster scope"\n/g)).toHaveLength(6)
  expect(log).toContain(`reflector.go:200] "Failed to watch" err="failed to list *v1.Service: ${FORBIDDEN('kube-system:kube-proxy', 'list', 'services')}" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Service"\n`)
  expect(log).toContain(`"Failed to watch" err="failed to list *v1.EndpointSlice: ${FORBIDDEN('kube-system:kube-proxy', 'list', 'endpointslices', 'discovery.k8s.io')}"`)
  // the rules of before stay, and new Services are not among them
  run('kubectl create service clusterip late --tcp=80')
  expect(run(`sleep 5; ${nat('worker-1', 'default/late')}; ${nat('worker-1', 'kube-system/kube-dns')} | grep -cv '^0'`).output).toBe('0\n1\n')
  run('kubectl create clusterrolebinding mended --clusterrole=system:node-proxier --serviceaccount=kube-system:kube-proxy; sleep 31')
  expect(run(nat('worker-1', 'default/late')).output).not.toBe('0\n')
})

test('a running kube-proxy keeps its watches when its right goes, until they end', () => {
  const { run } = house()
  run('kubectl delete clusterrolebinding kubeadm:node-proxier; kubectl create service clusterip early --tcp=80')
  expect(run(`sleep 5; ${nat('worker-1', 'default/early')}`).output).not.toBe('0\n')
  run('sleep 600; kubectl create service clusterip late --tcp=80; kubectl delete service early')
  expect(run(`sleep 5; ${nat('worker-1', 'default/late')}; ${nat('worker-1', 'default/early')}`).output).toMatch(/^0\n[1-9]\n$/)
  expect(run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=-1').output).toContain('reflector.go:200] "Failed to watch" err="unknown (get services)" logger="UnhandledError"')
  // what was missed is learned when the right comes back
  run('kubectl create clusterrolebinding mended --clusterrole=system:node-proxier --serviceaccount=kube-system:kube-proxy; sleep 31')
  expect(run(`${nat('worker-1', 'default/late')}; ${nat('worker-1', 'default/early')}`).output).toMatch(/^[1-9]\n0\n$/)
})

/** The node proxier's rights, without one of them. */
const without = (resource: string): string => `kubectl get clusterrole system:node-proxier -o json | jq 'del(.rules[].resources[] | select(. == "${resource}")) | .rules |= map(select(.resources != [])) | .metadata = {name: "half"}' | kubectl apply -f -; kubectl delete clusterrolebinding kubeadm:node-proxier; kubectl create clusterrolebinding half --clusterrole=half --serviceaccount=kube-system:kube-proxy`
const logs = 'kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=-1'

test('kube-proxy that may not read EndpointSlices any more goes on with Services: a new one has no endpoints, one that is deleted goes', () => {
  const { run } = house()
  run('kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; kubectl create service clusterip old --tcp=80; sleep 10')
  run(`${without('endpointslices')}; sleep 620; kubectl expose deployment web --name=late --port=80; kubectl delete service old; kubectl scale deployment web --replicas=3; sleep 10`)
  expect(run("hop node worker-1 -- iptables-save -t filter | grep default/").output).toMatch(/^-A KUBE-SERVICES -d \S+ -p tcp -m comment --comment "default\/late has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable\n$/)
  expect(run(nat('worker-1', '"default/web ->"')).output).toBe('1\n')
  const log = run(logs).output
  expect(log).toContain(`"Failed to watch" err="failed to list *v1.EndpointSlice: ${FORBIDDEN('kube-system:kube-proxy', 'list', 'endpointslices', 'discovery.k8s.io')}"`)
  expect(log).not.toContain('type="*v1.Service"')
  // what was missed of both is there when the right is
  run('kubectl create clusterrolebinding mended --clusterrole=system:node-proxier --serviceaccount=kube-system:kube-proxy; sleep 31')
  expect(run(`${nat('worker-1', '"default/web ->"')}; ${nat('worker-1', '"default/late ->"')}; hop node worker-1 -- iptables-save -t filter | grep -c default/`).output).toBe('3\n3\n0\n')
})

test('kube-proxy that may not read Services any more goes on with their endpoints', () => {
  const { run } = house()
  run('kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; sleep 10')
  run(`${without('services')}; sleep 620; kubectl expose deployment web --name=late --port=80; kubectl scale deployment web --replicas=3; sleep 10`)
  expect(run(`${nat('worker-1', '"default/web ->"')}; ${nat('worker-1', 'default/late')}`).output).toBe('3\n0\n')
  expect(run(logs).output).not.toContain('type="*v1.EndpointSlice"')
})

test('kube-proxy waits for what rules are made of, and says of each kind that it has it: ServiceCIDRs and its Node it can do without', () => {
  const { run } = house()
  run(`${without('servicecidrs')}; kubectl -n kube-system delete pod -l k8s-app=kube-proxy; kubectl create service clusterip late --tcp=80; sleep 45`)
  expect(run(nat('worker-1', 'default/late')).output).not.toBe('0\n')
  const log = run('kubectl -n kube-system logs $(kubectl -n kube-system get pod -l k8s-app=kube-proxy -o name | head -n 1)').output
  expect(log.match(/(?<="Caches are synced" controller=")[^"]+/g)).toEqual(['service config', 'endpoint slice config', 'node config'])
  expect(log).toContain(`"Failed to watch" err="failed to list *v1.ServiceCIDR: ${FORBIDDEN('kube-system:kube-proxy', 'list', 'servicecidrs', 'networking.k8s.io')}"`)
})

test('kube-proxy whose ServiceAccount is deleted is nobody any more, also when there is one of its name again, until its Pod is new', () => {
  const { run } = house()
  run('kubectl -n kube-system delete serviceaccount kube-proxy; kubectl create service clusterip early --tcp=80')
  expect(run(`sleep 5; ${nat('worker-1', 'default/early')}`).output).not.toBe('0\n')
  run('kubectl -n kube-system create serviceaccount kube-proxy; sleep 620; kubectl create service clusterip late --tcp=80')
  expect(run(`sleep 5; ${nat('worker-1', 'default/late')}`).output).toBe('0\n')
  const log = run('kubectl -n kube-system logs -l k8s-app=kube-proxy --tail=-1').output
  expect(log).toContain('reflector.go:200] "Failed to watch" err="the server has asked for the client to provide credentials (get services)" logger="UnhandledError"')
  expect(log).toContain('"Failed to watch" err="failed to list *v1.Service: Unauthorized" logger="UnhandledError" reflector="k8s.io/client-go/informers/factory.go:160" type="*v1.Service"\n')
  expect(log).not.toContain('forbidden')
  expect(run(`kubectl -n kube-system delete pod -l k8s-app=kube-proxy; sleep 20; ${nat('worker-1', 'default/late')}`).output).not.toMatch(/(^|\n)0\n$/)
})

test('a token is renewed after 48 minutes, and is then of the account that there is now', () => {
  const { run } = house()
  run('kubectl -n kube-system delete serviceaccount kube-proxy; kubectl -n kube-system create serviceaccount kube-proxy; sleep 2400; kubectl create service clusterip late --tcp=80; sleep 5')
  expect(run(nat('worker-1', 'default/late')).output).toBe('0\n')
  expect(run(`sleep 600; ${nat('worker-1', 'default/late')}`).output).not.toBe('0\n')
})

test('aws-node without its ClusterRoleBinding waits for its node and is never ready; the controller of policies makes endpoints when it may', () => {
  const { run } = house({ cni: 'aws-vpc' })
  run('kubectl delete clusterrolebinding aws-node; kubectl -n kube-system delete pod -l k8s-app=aws-node; sleep 30')
  expect(run('kubectl -n kube-system get pods -l k8s-app=aws-node --no-headers').output).toMatch(/^(aws-node-\w{5} +[01]\/2 +Running .*\n)+$/)
  expect(run('kubectl -n kube-system logs -l k8s-app=aws-node -c aws-node --tail=-1').output).toContain(`failed to list *v1.Node: ${FORBIDDEN('kube-system:aws-node', 'list', 'nodes').replaceAll('\\', '')}\n`)
  run('kubectl create clusterrolebinding aws-node --clusterrole=aws-node --serviceaccount=kube-system:aws-node; sleep 40')
  expect(run('kubectl -n kube-system get pods -l k8s-app=aws-node --no-headers').output).toMatch(/^(aws-node-\w{5} +2\/2 +Running .*\n)+$/)
  const policy = '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: shut}, spec: {podSelector: {}}}'
  run(`kubectl delete clusterrolebinding amazon-network-policy-controller-k8s; echo '${policy}' | kubectl apply -f -; sleep 10`)
  expect(run('kubectl get policyendpoints').output).toBe('No resources found in default namespace.\n')
  run('kubectl create clusterrolebinding mended --clusterrole=amazon-network-policy-controller-k8s --serviceaccount=kube-system:amazon-network-policy-controller-k8s; sleep 31')
  expect(run('kubectl get policyendpoints --no-headers').output).toMatch(/^shut-\w{5} /)
})

test('flanneld may not read its Pod: it ends with the line that everybody knows, and starts again', () => {
  const { run } = house()
  run('kubectl delete clusterrolebinding flannel; kubectl -n kube-flannel delete pod --all; sleep 20')
  expect(run('kubectl -n kube-flannel get pods --no-headers').output).toMatch(/CrashLoopBackOff|Error/)
  expect(run('kubectl -n kube-flannel logs -l app=flannel --tail=-1').output).toMatch(/main\.go:\d+\] Failed to create SubnetManager: error retrieving pod spec for 'kube-flannel\/(kube-flannel-ds-\w{5})': pods "\1" is forbidden: User "system:serviceaccount:kube-flannel:flannel" cannot get resource "pods" in API group "" in the namespace "kube-flannel"\n/)
  run('kubectl create clusterrolebinding flannel --clusterrole=flannel --serviceaccount=kube-flannel:flannel; sleep 60')
  expect(run('kubectl -n kube-flannel get pods --no-headers').output).toMatch(/^(\S+ +1\/1 +Running .*\n)+$/)
})

test('calico-node without its right to Nodes does not start', () => {
  const { run } = house({ cni: 'calico' })
  run('kubectl delete clusterrolebinding calico-node; kubectl -n kube-system delete pod -l k8s-app=calico-node; sleep 20')
  const log = run('kubectl -n kube-system logs -l k8s-app=calico-node -c calico-node --tail=-1').output
  expect(log).toContain('Connection to the datastore is unauthorized error=connection is unauthorized: nodes "foo" is forbidden: User "system:serviceaccount:kube-system:calico-node" cannot get resource "nodes" in API group "" at the cluster scope\n')
  expect(log).toContain('Calico node failed to start\n')
})

test('ingress-nginx that may not read Ingresses keeps those that it has, and goes on when it may', () => {
  const { run } = house({ ingressController: 'nginx' })
  const host = (name: string): string => `kubectl create ingress ${name} --class=nginx --rule=${name}.example/=web:80`
  const code = (name: string): string => `curl -s -o /dev/null -w '%{http_code}\\n' -H 'Host: ${name}.example' http://172.18.0.3:$(kubectl -n ingress-nginx get svc ingress-nginx-controller -o jsonpath='{.spec.ports[0].nodePort}')/`
  run(`kubectl create deployment web --image=nginx; kubectl expose deployment web --port=80; kubectl rollout status deployment web; ${host('one')}; sleep 20`)
  expect(run(code('one')).output).toBe('200\n')
  run(`kubectl delete clusterrolebinding ingress-nginx; sleep 610; ${host('two')}; sleep 20`)
  expect(run(`${code('one')}; ${code('two')}`).output).toBe('200\n404\n')
  expect(run('kubectl -n ingress-nginx logs deploy/ingress-nginx-controller').output).toContain(`failed to list *v1.Ingress: ${FORBIDDEN('ingress-nginx:ingress-nginx', 'list', 'ingresses', 'networking.k8s.io')}`)
  run('kubectl create clusterrolebinding ingress-nginx --clusterrole=ingress-nginx --serviceaccount=ingress-nginx:ingress-nginx; sleep 40')
  expect(run(code('two')).output).toBe('200\n')
})

for (const cni of ['flannel', 'calico', 'cilium', 'weave', 'kube-router', 'antrea', 'aws-vpc'] as const) {
  test(`who has what a published manifest gives is refused nothing: ${cni}`, () => {
    const { run } = house({ cni, ingressController: cni === 'flannel' ? 'nginx' : cni === 'calico' ? 'traefik' : cni === 'cilium' ? 'haproxy' : 'none' })
    run('kubectl create deployment web --image=nginx; kubectl rollout status deployment web; sleep 60')
    const logs = run('for p in $(kubectl get pods -A -o jsonpath=\'{range .items[*]}{.metadata.namespace}/{.metadata.name} {end}\'); do kubectl -n ${p%/*} logs ${p#*/} --all-containers; done').output
    expect(logs.split('\n').filter((line) => /forbidden|unauthorized/i.test(line))).toEqual([])
  })
}
