/** What the real kubectl and Podhop's are both told, one command a line, in one cluster each. */
export const FILES: Record<string, string> = {
  'web.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {app: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.25
        ports: [{containerPort: 80}]
      - name: side
        image: busybox
        command: [sleep, "1000"]
        env: [{name: A, value: "1"}, {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`,
  'web2.yaml': `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {note: hello}}
    spec:
      containers:
      - name: nginx
        image: nginx:1.26
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
`,
  'pod.yaml': `apiVersion: v1
kind: Pod
metadata:
  name: two
  labels: {app: two, tier: front}
  annotations:
    long: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    lines: "one\\ntwo"
spec:
  containers:
  - name: a
    image: nginx
    ports: [{containerPort: 80, name: http}, {containerPort: 443}]
    resources: {limits: {cpu: 500m, memory: 64Mi}, requests: {cpu: 250m}}
    livenessProbe: {tcpSocket: {port: 80}}
    volumeMounts: [{name: data, mountPath: /data, readOnly: true}, {name: cm, mountPath: /cm, subPath: x}]
  - name: b
    image: busybox
    command: [sh, -c, "echo hi\\nsleep 1"]
  volumes:
  - {name: data, emptyDir: {}}
  - {name: cm, configMap: {name: c}}
`,
  'cm.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: default}
data:
  key: value
  text: |
    many
    lines
`,
  'ep.yaml': 'apiVersion: v1\nkind: Endpoints\nmetadata: {name: unready}\nsubsets:\n- {notReadyAddresses: [{ip: 10.0.0.1}], ports: [{port: 80}]}\n',
  'ns.yaml': 'apiVersion: v1\nkind: Namespace\nmetadata: {name: n1}\n',
  'unknown.yaml': 'apiVersion: v1\nkind: Foo\nmetadata: {name: x}\n',
  'badversion.yaml': 'apiVersion: apps/v9\nkind: Deployment\nmetadata: {name: x}\n',
  'nokind.yaml': 'apiVersion: v1\nmetadata: {name: x}\n',
  'badfield.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  contianers: []\n',
  'invalid.yaml': 'apiVersion: v1\nkind: Pod\nmetadata: {name: Bad_Name}\nspec:\n  containers:\n  - name: a\n',
  'badtype.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec:\n  ports: [{port: "eighty"}]\n',
  'broken.yaml': 'apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n  labels: app: web\n',
  'otherns.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: o, namespace: elsewhere}\n',
  'list.yaml': 'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l2}}\n',
  'partly.yaml': 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p1}\n---\napiVersion: v1\nkind: Foo\nmetadata: {name: p2}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: p3}\n',
}

export const COMMANDS = `
get all
get pods
get nodes
get foo
get po,foo
get
get po/
get po/a/b
get po/a b
get pods web
apply -f web.yaml --dry-run=client
apply -f web.yaml --dry-run=server
apply -f web.yaml
apply -f web.yaml
get all
get deploy,svc
get deploy,svc -A
get deploy,svc -o wide
get deploy web -o wide --show-labels
get svc -L app,tier
get svc --no-headers
get svc,deploy --no-headers
get svc web -o yaml
get svc web -o json
get svc -o yaml
get svc -o name
get svc,deploy -o name
get svc -o jsonpath={.items[*].metadata.name}
get svc -o jsonpath={range.items[*]}{.metadata.name}{"\\t"}{.spec.clusterIP}{"\\n"}{end}
get svc web -o jsonpath={.spec}
get svc web -o jsonpath={.spec.ports[0].port}
get svc web -o jsonpath={.spec.ports[5].port}
get svc web -o jsonpath={.spec.nothing}
get svc web -o jsonpath={.spec.nothing} --allow-missing-template-keys=false
get svc -o jsonpath={.items[?(@.metadata.name=="web")].spec.type}
get svc -o jsonpath-as-json={.items[*].metadata.name}
get svc web -o jsonpath={.spec
get svc -o custom-columns=NAME:.metadata.name,IP:.spec.clusterIP,NONE:.spec.x
get svc -o custom-columns=NAME
get svc -o custom-columns=
get svc -o bogus
get svc --show-labels -o yaml
get svc --sort-by=.metadata.name
get svc --sort-by={.spec.clusterIP} -o name
get svc --sort-by=.spec.nothing
get svc --sort-by=.spec.nothing -o yaml
get svc -l component=apiserver
get svc -l app in (a
get svc --field-selector metadata.name=web
get svc --field-selector spec.foo=web
get svc/web deploy/web
get svc/web deploy/nope
get deployments.apps web
get deployments.v1.apps web
get deploy nope other
get deploy nope --ignore-not-found
get -f web.yaml
get -f web.yaml -o name
get -f missing.yaml
get svc -n elsewhere
get svc web -A
get svc --show-kind
get endpoints
get svc,ep
create -f ep.yaml
get ep unready
describe ep unready
get ep unready -o yaml
apply -f web2.yaml
get deploy web -o yaml
apply -f web2.yaml -o name
apply -f web2.yaml -o yaml
apply -f unknown.yaml --validate=false
apply -f badversion.yaml --validate=ignore
apply -f nokind.yaml
apply -f badfield.yaml
apply -f badfield.yaml --validate=warn --dry-run=server
apply -f invalid.yaml
apply -f badtype.yaml
apply -f broken.yaml
apply -f missing.yaml
apply -f otherns.yaml
apply -f otherns.yaml -n default
apply -f list.yaml --validate=false
apply -f partly.yaml --validate=false
apply
apply -f
create -f cm.yaml
create -f cm.yaml
apply -f cm.yaml
apply -f cm.yaml
apply view-last-applied cm conf
apply view-last-applied cm conf -o json
apply set-last-applied -f cm.yaml
diff -f cm.yaml
apply -f cm.yaml --server-side
apply -f cm.yaml --server-side --field-manager=other
apply -f cm.yaml --server-side --dry-run=client
apply -f cm.yaml --force-conflicts
replace -f cm.yaml
replace -f cm.yaml --save-config
replace -f cm.yaml --dry-run=server
replace -f cm.yaml --grace-period=3
replace
diff
get cm conf -o yaml
describe cm conf
create -f pod.yaml
describe pod two
describe po tw
describe po nope
describe po
describe deploy
describe svc web
describe nodes
describe foo
describe
get pod two -o jsonpath={.spec.containers[*].name}
get pods -o wide
get pods --show-labels -A
get pods -A --chunk-size 1
get pods -A --chunk-size 2 -o name -l app
delete cm nowhere --cascade=maybe
delete cm nowhere --cascade=true
delete cm --all --field-selector metadata.name=x
delete cm nowhere --now --grace-period=2
delete cm nowhere --force --grace-period=2
drain
drain nowhere
drain nowhere -l a=b
drain nowhere --pod-selector "a b"
create token
create token x --duration=-1s
create token x --duration=1ms
create token x --bound-object-kind=Job
create token x --bound-object-name=y
create token x --bound-object-kind=Pod
create token x --audience=
create deployment d --image=nginx --dry-run=client -o yaml
create deployment d --image=nginx --image=busybox:1 --replicas=3 --port=80 --dry-run=client -o json
create deployment d --image=nginx --dry-run=client -o yaml -- sh -c date
create deployment
create deployment a b --image=x
create deployment a
create namespace n1 --dry-run=client -o yaml
create -f ns.yaml
create -f ns.yaml
create service clusterip s1 --tcp=80:8080 --dry-run=client -o yaml
create service clusterip s1 --clusterip=None --dry-run=client -o yaml
create service nodeport s2 --tcp=80 --tcp=443:https --node-port=30080 --dry-run=client -o yaml
create service clusterip s1
create service nodeport s1 --tcp=x
create service externalname e --external-name=a.b --dry-run=client -o yaml
create service loadbalancer l --tcp=1:2 --dry-run=client -o yaml
create configmap c1 --from-literal=a=b --from-literal=c=d --from-file=cm.yaml --dry-run=client -o yaml
create configmap c1 --from-literal=a
create configmap c1 --from-file=nope
create cm c1 --from-literal=a=b --from-literal=a=c --dry-run=client
create cm c1 --dry-run=client -n team -o yaml
create deployment d --image=nginx --dry-run=bogus
run r --image=nginx --dry-run=client -o yaml
run r --image=nginx --port=80 --env=A=b --env=C=d --labels=x=y,a=b --dry-run=client -o yaml -- sleep 10
run r --image=nginx --command --restart=Never --dry-run=client -o json -- sleep 10
run r --image=nginx --expose --port=80 --dry-run=client
run r --image=nginx --expose --port=80 --dry-run=client -o yaml
run r --image=nginx --expose
run r --image=Nginx
run r --image=nginx --restart=Sometimes
run r --image=nginx --rm
run r --image=nginx -t
run --image=nginx
run r
run r --image=nginx --dry-run=server
run r --image=nginx
run r --image=nginx
run R_r --image=nginx
run x --image=nginx --image-pull-policy=Maybe
expose pod r --port=80 --dry-run=client -o yaml
expose pod r --port=80
expose pod r --port=80
expose pod r
expose deploy web --name=w2 --type=NodePort --target-port=8080 --dry-run=client -o yaml
expose deploy web --name=w2 --port=1 --protocol=UDP --dry-run=client -o yaml
expose svc web --name=w3 --port=99 --dry-run=client -o yaml
expose pod two --name=w4 --dry-run=client -o yaml
expose ns default --port=1
expose
label pod r a=b
label pod r a=b
label pod r a=c
label pod r a=c --overwrite
label pod r a-
label pod r nope-
label pod r a=b c-
label pod r
label pod r a=b=c
label pod r a=-x
label
label pods --all z=1
label pods --all z=2
label pod r a=b --dry-run=client -o yaml
label pod r x=y --dry-run=server
label nope r a=b
label --local -f cm.yaml a=b -o yaml
label --local -f list.yaml a=b -o name
label --local -f broken.yaml a=b
annotate pod r note=1
annotate pod r note=1
annotate pod r note=2 --overwrite
annotate pod r note-
annotate pod r
annotate --local -f cm.yaml a=b -o json
scale deploy web --replicas=5
scale deploy/web deploy/nope --replicas=1
scale deploy web --replicas=2 --current-replicas=7
scale deploy web --replicas=-1
scale deploy web
scale --replicas=2
scale deploy web --replicas=3 --dry-run=client
set image deploy/web nginx=nginx:9
set image deploy/web nginx=nginx:9
set image deploy/web nope=x
set image deploy/web
set image --local -f web.yaml nginx=a:b -o yaml
set image svc/web a=b
patch svc web -p {"spec":{"type":"NodePort"}}
patch svc web -p {"spec":{"type":"NodePort"}}
patch svc web -p {"spec":{"type":"Bogus"}}
patch svc web --type=json -p [{"op":"remove","path":"/spec/nothing"}]
patch svc web --type=merge -p {"metadata":{"labels":{"x":"y"}}}
patch svc web -p {
patch svc web
patch svc web --type=bogus -p {}
patch svc nope -p {}
rollout status deploy/web --watch=false
rollout status svc/web
rollout history deploy/web
rollout pause deploy/web
rollout pause deploy/web
rollout resume deploy/web
rollout undo deploy/web
rollout status
rollout foo
wait --for=condition=Available deploy/web --timeout=0
wait --for=jsonpath={.spec.replicas}=5 deploy/web --timeout=0
wait --for=jsonpath={.spec.replicas} deploy/web --timeout=0
wait --for=delete pod/nope --timeout=1s
wait --for=condition=Ready pod/nope
wait pod/r
wait --for=create svc/web
exec
exec r
exec r ls
exec nope -- ls
logs
logs nope
logs two -c nope
logs r --tail=x
logs r a b
logs -l app=nope
port-forward
port-forward r
port-forward nope 80
port-forward r 80
port-forward r a:b
attach
api-resources
api-resources -o name
api-resources -o wide
api-resources --namespaced=false --no-headers
api-resources --sort-by=kind
api-resources --sort-by=x
api-resources x
api-versions
version
version --client
version -o yaml
version -o json
version -o x
events
get events
cordon nope
taint nodes nope a=b
delete pod r --dry-run=client
delete pod r --dry-run=server
delete pod r
delete pod r
delete pod r --ignore-not-found
delete svc r web
delete svc
delete
delete pods --all
delete pods -l x=y
delete pods x --all
delete -f web2.yaml
delete -f web2.yaml
debug
debug two
debug two --image=busybox --replace
debug two --image=busybox --same-node
debug two --set-image=a=b
debug two --copy-to=x
debug two --copy-to=x -- sleep 1d
debug two --image=a//b
debug two --image=busybox -t
debug two --image=busybox --target=a --copy-to=x
debug two --image=busybox --profile=root
debug two --image=busybox --image-pull-policy=Maybe
debug svc/web --image=busybox --profile=general
debug nobody --image=busybox --profile=general
debug two --image=busybox -c dbg --profile=general --target=a
debug two --image=busybox:1.36 -c dbg2 --profile=restricted --env=A=1 -- sleep 1d
debug two --image=busybox -c dbg3 --profile=netadmin --arguments-only --image-pull-policy=Never -- sleep 1d
debug two --image=busybox -c dbg4
get pod two -o jsonpath={.spec.ephemeralContainers}
debug two --copy-to=copy1 --image=busybox -c dbg --profile=general
debug two --copy-to=copy2 --set-image=*=nginx:1.25 --share-processes=false --profile=sysadmin
debug two --copy-to=copy3 -c a --profile=baseline -- sleep 1d
debug two --copy-to=copy4 --image=busybox -c z
debug two --copy-to=copy5 --image=busybox -c z --profile=sysadmin --keep-labels --keep-liveness --same-node
get pods copy1 copy2 copy3 copy4 copy5 -o jsonpath={range.items[*]}{.metadata.labels}{.metadata.annotations}{.spec.shareProcessNamespace}{.spec.containers}{end}
delete pod copy1 copy2 copy3 copy4 copy5 --now
cp a
cp a b
cp web:/a two:/b
cp a/b/c:/x y
cp :x y
cp nothing two:/b
cp two: x
delete pod two --now --grace-period=3
delete pod x --force --grace-period=5
delete ns n1 --wait=false
delete cm --all -n default
delete foo x
delete svc/kubernetes -o yaml
foo
gt pods
get --foo
get -z
get pods --no-headers=maybe
get -o
get --output
-n x foo
--foo get
config foo
config current-context
config get-contexts
config get-contexts nope
config get-contexts -o name
config use-context nope
config use-context podhop
config set-context --current --namespace=kube-system
get cm
config set-context other --cluster=podhop --user=podhop
config get-contexts
config use-context other
config delete-context podhop
config current-context
config view -o jsonpath={.contexts[*].name}
config get-clusters
config get-users
config set-context
config set-context a --current
patch svc web -p {"a":}
patch svc web -p {"a":1
patch svc web --type=json -p [{"op":"bogus"}]
wait --for=condition=Available deploy/web --timeout=1s
`.split('\n').filter((line) => line !== '')
