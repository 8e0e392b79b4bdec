import { expect, it } from 'vitest'
import { house } from '../house.samples.ts'

const PKI = '/etc/kubernetes/pki/etcd'
const ACCESS = `--endpoints=https://127.0.0.1:2379 --cacert=${PKI}/ca.crt --cert=${PKI}/server.crt --key=${PKI}/server.key`
/** Pods are there again under their names and uids; their containers are new, of which the Deployment's status tells. */
const RESTARTED = /^((?:Pod|Deployment)\S+ \S+) \d+/gm
const on = (script: string): string => `hop node control-plane -- sh -c '${script}'`

it('the exercise of the CKA: a snapshot is saved, things are deleted, and come back from the data directory that it was restored into', () => {
  const { run } = house({ nodes: 2 })
  run('kubectl create deployment web --image=nginx:1.27.5 --replicas=2; kubectl expose deployment web --port=80 --type=NodePort; kubectl create configmap before --from-literal=a=b; sleep 30')
  const before = run('kubectl get deploy,svc,cm,pods -o jsonpath="{range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.resourceVersion} {.spec.clusterIP} {.spec.ports[0].nodePort}{\'\\n\'}{end}"').output
  const saved = run(on(`ETCDCTL_API=3 etcdctl ${ACCESS} snapshot save /opt/snapshot.db`))
  expect(saved.code).toBe(0)
  expect(saved.output.replace(/"ts":"[^"]*"/g, '"ts":""').replace(/"size":"[^"]*"/, '"size":""')).toBe([
    '{"level":"info","ts":"","caller":"snapshot/v3_snapshot.go:65","msg":"created temporary db file","path":"/opt/snapshot.db.part"}',
    '{"level":"info","ts":"","logger":"client","caller":"v3@v3.5.21/maintenance.go:212","msg":"opened snapshot stream; downloading"}',
    '{"level":"info","ts":"","caller":"snapshot/v3_snapshot.go:73","msg":"fetching snapshot","endpoint":"https://127.0.0.1:2379"}',
    '{"level":"info","ts":"","logger":"client","caller":"v3@v3.5.21/maintenance.go:220","msg":"completed snapshot read; closing"}',
    '{"level":"info","ts":"","caller":"snapshot/v3_snapshot.go:88","msg":"fetched snapshot","endpoint":"https://127.0.0.1:2379","size":"","took":"now"}',
    '{"level":"info","ts":"","caller":"snapshot/v3_snapshot.go:97","msg":"saved","path":"/opt/snapshot.db"}',
    'Snapshot saved at /opt/snapshot.db\n',
  ].join('\n'))
  expect(run(on('etcdutl --write-out=table snapshot status /opt/snapshot.db')).output).toMatch(/^(\+-+){4}\+\n\| +HASH +\| +REVISION +\| +TOTAL KEYS +\| +TOTAL SIZE +\|\n(\+-+){4}\+\n\| +[0-9a-f]{1,8} \| +\d+ \| +\d+ \| +[\d.]+ [kM]B \|\n(\+-+){4}\+\n$/)
  run('kubectl delete deploy,svc web; kubectl delete cm before; kubectl create configmap after; kubectl create service nodeport other --tcp=80; sleep 60')
  expect(run('kubectl get pods').output).toBe('No resources found in default namespace.\n')
  const restored = run(on('etcdutl snapshot restore /opt/snapshot.db --data-dir /var/lib/etcd-restored'))
  expect(restored.code).toBe(0)
  expect(restored.output).toContain('\tinfo\tmembership/cluster.go:421\tadded member\t{"cluster-id": "cdf818194e3a8c32", "local-member-id": "0", "added-peer-id": "8e9e05c52164694d", "added-peer-peer-urls": ["http://localhost:2380"]}\n')
  // nothing has changed yet
  expect(run('kubectl get cm after -o name').output).toBe('configmap/after\n')
  run(on('sed -i "s#path: /var/lib/etcd\\$#path: /var/lib/etcd-restored#" /etc/kubernetes/manifests/etcd.yaml'))
  run('sleep 120')
  expect(run('kubectl get deploy,svc,cm,pods -o jsonpath="{range .items[*]}{.kind}/{.metadata.name} {.metadata.uid} {.metadata.resourceVersion} {.spec.clusterIP} {.spec.ports[0].nodePort}{\'\\n\'}{end}"').output.replace(RESTARTED, '$1')).toBe(before.replace(RESTARTED, '$1'))
  expect(run('kubectl get cm after').output).toBe('Error from server (NotFound): configmaps "after" not found\n')
  expect(run('kubectl get pods -o jsonpath="{.items[*].status.phase}"').output).toBe('Running Running')
  expect(run('kubectl run client --image=curlimages/curl --restart=Never --rm -i -q -- curl -s -o /dev/null -w "%{http_code}" http://web').output).toContain('200')
  // what was taken since is free again, and what is there again is taken
  const port = Number(/ (3\d{4})$/m.exec(before)![1])
  expect(run(`kubectl create service nodeport late --tcp=80 --node-port=${port}`).output).toContain('provided port is already allocated')
  expect(run(on(`etcdctl ${ACCESS} member list`)).output).toBe('8e9e05c52164694d, started, control-plane, http://localhost:2380, https://172.18.0.2:2379, false\n')
  // and back to where it was left
  run(on('sed -i "s#path: /var/lib/etcd-restored\\$#path: /var/lib/etcd#" /etc/kubernetes/manifests/etcd.yaml'))
  run('sleep 120')
  expect(run('kubectl get cm,deploy -o name').output).toBe('configmap/after\nconfigmap/kube-root-ca.crt\n')
})

it('etcdctl shows its certificate or is shown the door', () => {
  const { run } = house({ nodes: 1 })
  expect(run(on(`etcdctl ${ACCESS} endpoint health`)).output).toMatch(/^https:\/\/127\.0\.0\.1:2379 is healthy: successfully committed proposal: took = [\d.]+(m|µ)s\n$/)
  const refused = run(on(`etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${PKI}/ca.crt endpoint health`))
  expect(refused.output).toMatch(/^\{"level":"warn","ts":"[^"]*","logger":"client","caller":"v3@v3\.5\.21\/retry_interceptor\.go:63","msg":"retrying of unary invoker failed","target":"etcd-endpoints:\/\/0x[0-9a-f]{10}\/127\.0\.0\.1:2379","attempt":0,"error":"rpc error: code = DeadlineExceeded desc = latest balancer error: last connection error: connection error: desc = \\"error reading server preface: remote error: tls: certificate required\\""\}\nhttps:\/\/127\.0\.0\.1:2379 is unhealthy: failed to commit proposal: context deadline exceeded\nError: unhealthy cluster\n$/)
  expect(refused.code).toBe(1)
  const why = (flags: string): string => run(on(`etcdctl ${flags} get x`)).output
  expect(why('')).toContain('connection error: desc = \\"error reading server preface: EOF\\"')
  expect(why(`--cert ${PKI}/server.crt --key ${PKI}/server.key`)).toContain('authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority')
  expect(why(`--cacert /etc/kubernetes/pki/ca.crt --cert ${PKI}/server.crt --key ${PKI}/server.key`)).toContain('certificate signed by unknown authority')
  expect(why(`--cacert ${PKI}/ca.crt --cert /etc/kubernetes/pki/apiserver.crt --key /etc/kubernetes/pki/apiserver.key`)).toContain('remote error: tls: unknown certificate authority')
  expect(why(`--endpoints 127.0.0.1:2378 --cacert ${PKI}/ca.crt`)).toContain('transport: Error while dialing: dial tcp 127.0.0.1:2378: connect: connection refused')
  expect(run(on(`etcdctl --cacert ${PKI}/ca.crt --cert ${PKI}/server.crt --key ${PKI}/peer.key get x`))).toEqual({ code: 128, output: 'Error: tls: private key does not match public key\n' })
  expect(run(on('etcdctl --cert /x --key /y get x'))).toEqual({ code: 128, output: 'Error: open /x: no such file or directory\n' })
  expect(run(on(`export ETCDCTL_CACERT=${PKI}/ca.crt ETCDCTL_CERT=${PKI}/server.crt ETCDCTL_KEY=${PKI}/server.key; etcdctl endpoint status -w table`)).output.split('\n')[3]).toMatch(/^\| 127\.0\.0\.1:2379 \| [0-9a-f]+ \|  3\.5\.21 \| +[\d.]+ [kM]B \|      true \|      false \|         2 \| +\d+ \| +\d+ \|        \|$/)
  expect(run(`kubectl -n kube-system exec etcd-control-plane -- etcdctl ${ACCESS} get /registry/namespaces --prefix --keys-only`).output).toBe('/registry/namespaces/default\n\n/registry/namespaces/kube-flannel\n\n/registry/namespaces/kube-node-lease\n\n/registry/namespaces/kube-public\n\n/registry/namespaces/kube-system\n\n')
})

it('what lies in etcd is the bytes of the objects: a Secret can be read there', () => {
  const { run } = house({ nodes: 1 })
  run('kubectl create secret generic secret1 --from-literal=mykey=mydata')
  const { output } = run(on(`etcdctl ${ACCESS} get /registry/secrets/default/secret1 | hexdump -C`))
  expect(output).toContain('|/registry/secret|\n')
  expect(output).toMatch(/^00000020 {2}31 0a 6b 38 73 00 0a 0c {2}0a 02 76 31 12 06 53 65 {2}\|1\.k8s\.\.\.\.\.v1\.\.Se\|$/m)
  expect(run(on(`etcdctl ${ACCESS} get --print-value-only /registry/secrets/default/secret1 | tr -cd "[:print:]"`)).output).toMatch(/^k8sv1Secret.*secret1.*default.*mykeymydata.*Opaque/)
  expect(run(on(`etcdctl ${ACCESS} get /registry/secrets/default/none`))).toEqual({ code: 0, output: '' })
  expect(run(on(`etcdctl ${ACCESS} get /registry/services/specs/ --prefix --count-only -w fields | tail -1`)).output).toBe('"Count" : 2\n')
})

it('what is deleted in etcd is gone, whatever its finalizers say, and everybody who watches hears of it', () => {
  const { run } = house({ nodes: 2 })
  run('kubectl create deployment web --image=nginx:1.27.5; kubectl create configmap held --from-literal=a=b; kubectl create configmap other --from-literal=a=b; sleep 20')
  run(`kubectl patch configmap held -p '{"metadata":{"finalizers":["example.com/never"]}}'; kubectl delete configmap held --wait=false`)
  expect(run('kubectl get cm held -o name').output).toBe('configmap/held\n')
  const etcdctl = (line: string): { output: string; code: number | undefined } => run(on(`etcdctl ${ACCESS} ${line}`))
  expect(etcdctl('del /registry/configmaps/default/held')).toEqual({ code: 0, output: '1\n' })
  expect(run('kubectl get cm held').output).toBe('Error from server (NotFound): configmaps "held" not found\n')
  expect(etcdctl('del /registry/configmaps/default/held')).toEqual({ code: 0, output: '0\n' })
  expect(etcdctl('del /registry/configmaps/default/other --prev-kv').output).toMatch(/^1\n\/registry\/configmaps\/default\/other\nk8s\0/)
  // the kubelet ends the containers of a Pod that is no more, and its ReplicaSet has another one made
  const [old = ''] = run('kubectl get pods -o name').output.split('\n')
  expect(run(`kubectl get pods -w > watched & sleep 1; ${on(`etcdctl ${ACCESS} del /registry/pods/default/ --prefix`)}; sleep 60; kill %1; grep -c ${old.slice(4)} watched`).output).toMatch(/^1\n(.*\n)*?[2-9]\n$/)
  const [next = ''] = run('kubectl get pods -o name').output.split('\n')
  expect([next === old, run('kubectl wait --for=condition=ready pod --all --timeout=5s').code]).toEqual([false, 0])
  expect(run('hop node worker-1 -- crictl ps | grep -c nginx').output).toBe('1\n')
  // the API server makes its own namespaces again
  expect(etcdctl('del /registry/namespaces/kube-system').output).toBe('1\n')
  expect(run('kubectl get ns kube-system; sleep 61; kubectl get ns kube-system -o name').output).toBe('Error from server (NotFound): namespaces "kube-system" not found\nnamespace/kube-system\n')
  expect(etcdctl('del')).toEqual({ code: 128, output: 'Error: del command needs one argument as key and an optional argument as range_end\n' })
  expect(etcdctl('del a b --prefix')).toEqual({ code: 128, output: 'Error: too many arguments, only accept one argument when `--prefix` or `--from-key` is set\n' })
  expect(etcdctl('del a --prefix --from-key')).toEqual({ code: 128, output: 'Error: `--prefix` and `--from-key` cannot be set at the same time, choose one\n' })
})

it('a cluster of which everything was deleted in etcd is empty, and goes on', () => {
  const { run } = house({ nodes: 2 })
  expect(run(on(`etcdctl ${ACCESS} del "" --prefix`)).output).toMatch(/^\d{3}\n$/)
  expect(run('kubectl get pods,nodes -A').output).toBe('No resources found\n')
  expect(run('sleep 120; kubectl get ns -o name; kubectl get nodes').output).toBe('namespace/default\nnamespace/kube-node-lease\nnamespace/kube-public\nnamespace/kube-system\nNo resources found\n')
  // what the API server keeps up while it works, and what it makes when it starts
  expect(run('kubectl get svc,endpointslices -o name; kubectl -n kube-system get cm extension-apiserver-authentication -o name; kubectl get servicecidrs').output).toMatch(/^service\/kubernetes\nendpointslice\.discovery\.k8s\.io\/kubernetes\nconfigmap\/extension-apiserver-authentication\nNAME +CIDRS +AGE\nkubernetes +10\.96\.0\.0\/12 +\S+\n$/)
  // nobody may look at /livez any more, so that the kubelet has started it again
  const roles = run('kubectl get clusterroles,clusterrolebindings,roles,rolebindings -A -o name').output
  expect(roles).toContain('clusterrole.rbac.authorization.k8s.io/cluster-admin\n')
  expect(roles).toContain('clusterrolebinding.rbac.authorization.k8s.io/system:node-proxier\n')
  // kubeadm's own are not the API server's
  expect(roles).not.toContain('kubeadm')
  expect(run('kubectl get priorityclasses -o name').output).toBe('priorityclass.scheduling.k8s.io/system-cluster-critical\npriorityclass.scheduling.k8s.io/system-node-critical\n')
})

it('default roles and bindings get back what they have lost when the API server starts, unless they are told not to', () => {
  const { run } = house({ nodes: 1 })
  run('kubectl delete clusterrole view; kubectl patch clusterrole system:kube-scheduler --type=json -p \'[{"op":"remove","path":"/rules/0"}]\'; kubectl patch clusterrolebinding system:kube-scheduler --type=json -p \'[{"op":"replace","path":"/subjects","value":[{"kind":"User","name":"me","apiGroup":"rbac.authorization.k8s.io"}]}]\'')
  run('kubectl annotate clusterrole system:basic-user rbac.authorization.kubernetes.io/autoupdate=false --overwrite; kubectl patch clusterrole system:basic-user --type=json -p \'[{"op":"replace","path":"/rules","value":[]}]\'')
  expect(run('kubectl get clusterrole system:kube-scheduler -o jsonpath="{.rules[*].resources}"').output).not.toContain('"events"')
  run(`${on('mv /etc/kubernetes/manifests/kube-apiserver.yaml /tmp')}; sleep 30; ${on('mv /tmp/kube-apiserver.yaml /etc/kubernetes/manifests')}; sleep 60`)
  expect(run('kubectl get clusterrole view -o jsonpath="{.metadata.labels}"').output).toContain('"kubernetes.io/bootstrapping":"rbac-defaults"')
  expect(run('kubectl get clusterrolebinding system:kube-scheduler -o jsonpath="{.subjects[*].name}"').output).toBe('me system:kube-scheduler')
  expect(run('kubectl get clusterrole system:kube-scheduler -o jsonpath="{.rules[*].resources}"').output).toContain('"events"')
  expect(run('kubectl get clusterrole system:basic-user -o jsonpath="{.rules}"').output).toBe('null')
})

it('snapshots that are none, and data directories that are not empty, are refused', () => {
  const { run } = house({ nodes: 1 })
  run(on(`etcdctl ${ACCESS} snapshot save /opt/s.db`))
  expect(run(on('echo x >> /opt/s.db; etcdutl snapshot restore /opt/s.db --data-dir /tmp/d 2>&1 | tail -1')).output).toBe('Error: snapshot missing hash but --skip-hash-check=false\n')
  expect(run(on('etcdutl snapshot restore /opt/s.db --data-dir /var/lib/etcd'))).toEqual({ code: 1, output: 'Error: data-dir "/var/lib/etcd" not empty or could not be read\n' })
  expect(run(on('etcdutl snapshot status /opt/none'))).toEqual({ code: 1, output: 'Error: stat /opt/none: no such file or directory\n' })
  expect(run(on('etcdctl snapshot status /etc/hosts'))).toEqual({ code: 1, output: 'Deprecated: Use `etcdutl snapshot status` instead.\n\nError: invalid database\n' })
  expect(run(on(`etcdutl snapshot restore /opt/s.db --data-dir /tmp/d --name n`)).output).toBe('Error: couldn\'t find local name "n" in the initial cluster configuration\n')
  // copied from the data directory it has no hash
  expect(run(on('cp /var/lib/etcd/member/snap/db /tmp/db; etcdutl snapshot restore /tmp/db --data-dir /tmp/d --skip-hash-check 2>&1 | tail -1')).output).toContain('restored snapshot')
  expect(run(on('etcdctl lease grant 60')).code).toBe(69)
  run(on('sed -i "s#path: /var/lib/etcd\\$#path: /var/lib/nothing#" /etc/kubernetes/manifests/etcd.yaml; sleep 60'))
  expect(run(on('cat /var/log/pods/kube-system_etcd-*/etcd/*.log')).output).toContain('podhop: not simulated: etcd with nothing in /var/lib/etcd')
  expect(run(on('etcdctl --debug member list')).output).toContain('podhop: not simulated: etcdctl --debug (use it without)\n')
})
