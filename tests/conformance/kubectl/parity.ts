/**
 * What both kubectls are told in a whole cluster of their own, one command a line, in order. `# wait 3` lets so many
 * virtual seconds pass. A word with blanks is quoted as in a shell.
 */
export const PARITY_FILES: Record<string, string> = {
  'volumes.yaml': `apiVersion: v1
kind: Pod
metadata: {name: volumes, labels: {a: b}}
spec:
  nodeSelector: {no: where}
  containers: [{name: c, image: nginx, resources: {limits: {cpu: 500m}}}]
  volumes:
  - {name: down, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: cpu, resourceFieldRef: {containerName: c, resource: limits.cpu}}]}}
  - {name: claim, persistentVolumeClaim: {claimName: data, readOnly: true}}
  - {name: nfs, nfs: {server: files.example.com, path: /x}}
  - {name: csi, csi: {driver: foo.bar, readOnly: true, fsType: ext4, volumeAttributes: {a: b, c: d}}}
  - {name: plain, csi: {driver: foo.bar}}
  - {name: image, image: {reference: nginx}}
  - {name: own, ephemeral: {volumeClaimTemplate: {metadata: {labels: {a: b, c: d}}, spec: {accessModes: [ReadWriteOnce], storageClassName: fast, resources: {requests: {storage: 1Gi}}}}}}
`,
  'shop.yaml': `apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, labels: {app: shop}}
spec:
  replicas: 2
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.27
        ports: [{name: http, containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: http}}
        resources: {requests: {cpu: 50m, memory: 32Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: shop}
spec:
  selector: {app: shop}
  ports: [{name: web, port: 80, targetPort: http}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: blue, size: "3"}
`,
  'tools.yaml': `apiVersion: v1
kind: Pod
metadata: {name: tools, labels: {app: tools}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: box
    image: busybox
    command: [sh, -c, 'echo started; echo trouble >&2; sleep 100000']
  - name: second
    image: busybox
    command: [sleep, "100000"]
`,
  'bad.yaml': `apiVersion: v1
kind: Service
metadata: {name: bad}
spec:
  ports: [{port: 99999}]
`,
  'state.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: nginx, image: nginx}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: c, image: busybox, command: [echo, done]}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front}
spec:
  rules:
  - host: shop.example.com
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: shop, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed}
spec: {podSelector: {matchLabels: {app: shop}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: tools}}}], ports: [{port: 80}]}]}
`,
}

export const PARITY = `
version
version -o json
cluster-info
api-versions
api-resources
api-resources --namespaced=false -o wide
api-resources --api-group=apps -o name
get nodes
get nodes -o wide
get pods -A
get pods -A -o wide
get all -A
get namespaces --show-labels
get --raw /version
get --raw /healthz
get --raw /api
get --raw /apis
get --raw /api/v1/namespaces/default
describe node worker-1
describe svc kubernetes
get endpointslices,endpoints
get clusterroles
get clusterrolebindings -o wide
get roles,rolebindings -A
get servicecidrs,ipaddresses
get priorityclasses
get leases -A
get serviceaccounts -A
get cm -A
auth can-i create pods
auth can-i --list
auth whoami
create -f shop.yaml
apply -f shop.yaml
# wait 3
get pods -o wide
get deploy,rs,svc,ep -o wide
get deploy shop -o yaml
get deploy shop -o json --show-managed-fields
get svc shop -o yaml
get pods -l app=shop -o yaml
get pods -o name
get pods -o jsonpath={.items[*].status.podIP}
get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP,NODE:.spec.nodeName
get pods --sort-by=.metadata.name --no-headers
get pods --field-selector=status.phase=Running
get pods --field-selector=spec.host=x
get pods -l 'app in (shop, other),tier!=x'
get pods -l app=
get pods nothing
get nothing
get svc shop nothing
describe deploy shop
describe svc shop
describe rs
describe pods
describe ep shop
describe endpointslices
describe cm settings
apply -f shop.yaml
apply -f shop.yaml --server-side
apply -f shop.yaml --server-side --field-manager=other
apply -f bad.yaml
create -f bad.yaml --dry-run=server
apply -f missing.yaml
diff -f bad.yaml
apply -f tools.yaml
wait --for=condition=Ready pod/tools --timeout=60s
exec tools -- echo hello
exec tools -c second -- hostname
exec tools -c third -- hostname
exec tools -- sh -c 'exit 7'
exec tools -- nothing
exec nothing -- ls
exec -q tools -- cat /etc/hosts
exec tools -- cat /etc/resolv.conf
exec tools -- wget -qO- shop
logs tools
logs tools -c box
logs tools -c box --tail=1
logs tools -c third
logs tools --all-containers
logs -l app=tools --prefix --all-containers
logs tools -c box --previous
logs deploy/shop --tail=3
logs nothing
describe pod tools
get events --sort-by=.metadata.name
events --for pod/tools
__completeNoDesc ''
__completeNoDesc -
__completeNoDesc get ''
__completeNoDesc get po
__completeNoDesc get pods ''
__completeNoDesc get svc,
__completeNoDesc get svc/shop ''
__completeNoDesc describe pod/t
__completeNoDesc get -
__completeNoDesc get -o ''
__completeNoDesc get --output=j
__completeNoDesc get -n kube
__completeNoDesc get -n kube-system pods core
__completeNoDesc get -f ''
__completeNoDesc get all ''
__completeNoDesc logs ''
__completeNoDesc logs tools ''
__completeNoDesc exec tools -c ''
__completeNoDesc port-forward svc/shop ''
__completeNoDesc port-forward deploy/shop ''
__completeNoDesc scale ''
__completeNoDesc rollout status deploy/
__completeNoDesc create --dry-run ''
__completeNoDesc create deployment x ''
__completeNoDesc create clusterrolebinding x --clusterrole=view
__completeNoDesc drain worker
__completeNoDesc config use-context ''
__completeNoDesc cp ''
config view --flatten -o jsonpath={.kind}
config set-context other --cluster=podhop --user=kubernetes-admin --namespace=kube-system
config rename-context other another
config set contexts.another.namespace team
config set-cluster elsewhere --server=https://192.0.2.1:6443 --insecure-skip-tls-verify
config set-credentials ann --token=abc
config view -o jsonpath={.contexts[*].name}{.clusters[*].cluster.server}
config unset users.ann
config unset users.nobody.token
config delete-context another
config delete-cluster elsewhere
get pods,svc shop
get pods --user=nobody
get pods --context=nobody
run x --image=nginx --overrides='{"spec":{"nodeName":"worker-1"}}' --dry-run=client -o yaml
create configmap x --from-literal=a=b --append-hash --dry-run=client -o yaml
create quota x --hard=pods=1,services=2 --dry-run=client -o yaml
set subject clusterrolebinding cluster-admin --user=me --dry-run=client -o name
patch -f shop.yaml -p '{"metadata":{"labels":{"l":"n"}}}' --local -o name
logs tools -c box --limit-bytes=3
certificate approve
autoscale deploy shop
auth whoami -o json
explain pods..spec.hostname
explain .pods
replace -f shop.yaml --subresource=nope
get pods --kubeconfig=/dev/null
logs x --kubeconfig=/dev/null
scale deploy shop --replicas=2 --record
label deploy shop zz=b --record
label deploy shop zz- --record
patch deploy shop -p '{"spec":{"replicas":3}}' --dry-run=client
rollout history deploy/shop
top pod --sort-by=foo
delete configmaps --raw=/api/v1
label pod tools tier=front
label pod tools tier=back
label pod tools tier=back --overwrite
label pod tools tier-
label pod tools 'a b=c'
annotate pod tools note='two words'
annotate pod tools note-
patch deploy shop -p '{"spec":{"replicas":3}}'
patch deploy shop --type=json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'
patch deploy shop --type=merge -p '{"spec":{"replicas":"x"}}'
patch deploy shop --type=json -p '[{"op":"remove","path":"/spec/nothing"}]'
patch svc shop -p '{"spec":{"clusterIP":"10.96.0.99"}}'
patch pod tools -p '{"spec":{"containers":[{"name":"box","command":["x"]}]}}'
scale deploy shop --replicas=3
scale deploy shop --replicas=1 --current-replicas=9
scale deploy nothing --replicas=1
rollout status deploy/shop
rollout history deploy/shop
set image deploy/shop nginx=nginx:1.26
rollout status deploy/shop --timeout=60s
rollout history deploy/shop
rollout undo deploy/shop
rollout status deploy/shop
rollout pause deploy/shop
rollout pause deploy/shop
rollout resume deploy/shop
set env deploy/shop A=1
set env deploy/shop --list
set resources deploy/shop --limits=cpu=200m
rollout status deploy/shop
get rs
expose deploy shop --name=shop2 --port=8080 --target-port=80 --type=NodePort
get svc shop2
expose deploy shop --name=shop2 --port=8080
create service nodeport np --tcp=80:80 --node-port=30080
create service nodeport np2 --tcp=80:80 --node-port=30080
create service clusterip ci --clusterip=None
create service loadbalancer lb --tcp=80
create service externalname en --external-name=example.com
get svc
apply -f state.yaml
# wait 8
get sts,job,ingress,netpol,pods
describe sts db
describe job once
describe ingress front
describe netpol closed
get sts db -o yaml
get job once -o yaml
rollout status sts/db
rollout history sts/db
rollout history ds -n kube-system kube-proxy
wait --for=condition=complete job/once
logs job/once
create job again --image=busybox -- echo hi
create cronjob tick --image=busybox --schedule='*/5 * * * *' -- date
create cronjob tock --image=busybox --schedule='x' -- date
get cronjob tick
describe cronjob tick
create role reader --verb=get --resource=pods
create rolebinding reader --role=reader --serviceaccount=default:default
describe role reader
get rolebindings -o wide
create clusterrole cr --verb=get,list --resource=nodes
create clusterrolebinding crb --clusterrole=cr --user=ann
create ingress simple --rule=foo.com/bar=svc1:8080
create poddisruptionbudget pdb --selector=app=shop --min-available=1
# wait 2
get pdb
create serviceaccount bot
create secret generic s --from-literal=a=b
create secret tls t --cert=missing --key=missing
get secret s -o yaml
describe secret s
describe sa default
create configmap c --from-literal=k=v
create configmap c --from-literal=k=v
create namespace team
create deployment d2 -n team --image=nginx
create token default --duration=1x
get all -n team
taint node worker-2 a=b:NoSchedule
taint node worker-2 a=b:NoSchedule
taint node worker-2 a-
cordon worker-2
cordon worker-2
get nodes
uncordon worker-2
drain worker-2
drain worker-2 --ignore-daemonsets --dry-run=client
explain pod.spec.containers.ports
explain svc --recursive
explain pod.spec.nothing
explain nothing
config view
config get-contexts
config current-context
top nodes
top pods
run one --image=nginx --restart=Never --labels=app=one
run one --image=nginx
# wait 3
get pod one -o wide
run broken --image=does-not-exist
# wait 4
get pod broken
describe pod broken
delete pod broken --now
delete pod one --grace-period=0 --force
delete pod nothing
delete pod nothing --ignore-not-found
delete deploy,svc -l app=nothing
delete svc np ci lb en
delete -f state.yaml
delete deploy shop --cascade=orphan
get rs,pods
replace -f shop.yaml
replace --force -f tools.yaml
delete -f shop.yaml
delete namespace team
get ns
apply -f volumes.yaml
describe pod volumes
delete pods --all --force
get nodes,svc -o name
`.trim().split('\n')
