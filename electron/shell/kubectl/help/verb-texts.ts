/**
 * What a verb's help says beyond its summary, in our own words. A verb a block: "= verb", then lines of text, and
 * examples as pairs of a comment and a command.
 */
const TEXTS = `
= create
JSON and YAML are understood.
# What is in shop.yaml
kubectl create -f shop.yaml
# What comes on stdin
cat shop.yaml | kubectl create -f -

= create clusterrole
# A role that may read nodes
kubectl create clusterrole node-reader --verb=get,list,watch --resource=nodes
# A role for a path that is no resource
kubectl create clusterrole health --verb=get --non-resource-url=/healthz

= create clusterrolebinding
# Let ann be an administrator
kubectl create clusterrolebinding ann-admin --clusterrole=cluster-admin --user=ann

= create configmap
# From values on the command line
kubectl create configmap colours --from-literal=front=blue --from-literal=back=grey
# From a file, whose name becomes the key
kubectl create configmap site --from-file=nginx.conf

= create cronjob
# Every five minutes
kubectl create cronjob tick --image=busybox --schedule="*/5 * * * *" -- date

= create deployment
# Three replicas of a web server
kubectl create deployment web --image=nginx --replicas=3
# With the port that the container opens
kubectl create deployment web --image=nginx --port=80
# The manifest only
kubectl create deployment web --image=nginx --dry-run=client -o yaml

= create ingress
# One host, everything below /
kubectl create ingress shop --class=nginx --rule="shop.example.com/*=web:80"
# With TLS
kubectl create ingress shop --rule="shop.example.com/*=web:80,tls=shop-cert"

= create job
# One run of a command
kubectl create job once --image=busybox -- date
# A CronJob's run, now
kubectl create job now --from=cronjob/tick

= create namespace
# A namespace for a team
kubectl create namespace team-a

= create poddisruptionbudget
# One Pod of web must always stay
kubectl create poddisruptionbudget web --selector=app=web --min-available=1

= create priorityclass
# A class above the others
kubectl create priorityclass high --value=1000 --description="goes first"

= create quota
# At most ten Pods
kubectl create quota small --hard=pods=10,services=5

= create role
# A role that may look at Pods
kubectl create role pod-reader --verb=get,list,watch --resource=pods

= create rolebinding
# Give a ServiceAccount that role
kubectl create rolebinding read-pods --role=pod-reader --serviceaccount=default:bot

= create secret

= create secret docker-registry
# A login for a registry
kubectl create secret docker-registry login --docker-server=registry.example.com --docker-username=ann --docker-password=secret

= create secret generic
# Two values
kubectl create secret generic db --from-literal=user=shop --from-literal=password=s3cret

= create secret tls
# For an Ingress
kubectl create secret tls shop-cert --cert=tls.crt --key=tls.key

= create service

= create service clusterip
# A Service, and a headless one
kubectl create service clusterip web --tcp=80:8080
kubectl create service clusterip db --clusterip="None"

= create service externalname
# An alias for a name outside
kubectl create service externalname db --external-name db.example.com

= create service loadbalancer
# A Service with an address from the cloud
kubectl create service loadbalancer web --tcp=80:8080

= create service nodeport
# A Service on a port of every node
kubectl create service nodeport web --tcp=80:8080 --node-port=30080

= create serviceaccount
# An account for a bot
kubectl create serviceaccount bot

= create token
# A token that lives ten minutes
kubectl create token bot --duration 10m

= expose
Takes a Deployment, a ReplicaSet, a ReplicationController, a Service or a Pod, and makes a Service that selects the same Pods.
# Port 80 of the Service goes to 8080 of the Pods
kubectl expose deployment web --port=80 --target-port=8080
# On a port of every node
kubectl expose deployment web --port=80 --type=NodePort

= run
# A web server
kubectl run web --image=nginx
# A shell that is gone when you leave it
kubectl run -it --rm tools --image=busybox --restart=Never -- sh
# The manifest only
kubectl run web --image=nginx --dry-run=client -o yaml

= set

= set env
# Set, remove and list variables
kubectl set env deployment/web STORAGE_DIR=/data
kubectl set env deployment/web STORAGE_DIR-
kubectl set env deployment/web --list
# From a ConfigMap
kubectl set env deployment/web --from=configmap/colours

= set image
The workloads that have a Pod template can be changed, and Pods themselves.
# A new image for the container nginx
kubectl set image deployment/web nginx=nginx:1.27
# For all containers
kubectl set image deployment/web *=nginx:1.27

= set resources
# Requests and limits
kubectl set resources deployment web --requests=cpu=100m,memory=64Mi --limits=cpu=200m,memory=128Mi

= set selector
# Let the Service select other Pods
kubectl set selector service web app=web,version=v2

= set serviceaccount
# Another account for a Deployment's Pods
kubectl set serviceaccount deployment web bot

= set subject
# Bind one more account
kubectl set subject rolebinding read-pods --serviceaccount=default:bot

= explain
Names of fields are put together with dots, as in a JSONPath.
# What a Pod consists of
kubectl explain pods
# One field
kubectl explain pods.spec.containers.ports
# All fields below one
kubectl explain services.spec --recursive

= get
Prints a table. Objects can be picked by name, label or field; without -n it is those of the current namespace, with -A those of all.
Use "kubectl api-resources" for the types that there are.
# Pods, and Pods with nodes and addresses
kubectl get pods
kubectl get pods -o wide
# Several types
kubectl get deployments,services
# One object as YAML
kubectl get service web -o yaml
# One field
kubectl get pod web -o jsonpath={.status.podIP}
# Columns of your own
kubectl get pods -o custom-columns=NAME:.metadata.name,IP:.status.podIP
# By label, in all namespaces
kubectl get pods -A -l app=web
# As things change
kubectl get pods --watch

= edit
Opens the objects in the editor that KUBE_EDITOR or EDITOR names, or vi. What cannot be saved is opened again with the reason in it.
# A Service
kubectl edit service/web
# With another editor
KUBE_EDITOR=nano kubectl edit deployment/web

= delete
Objects with Pods get time to end; --grace-period and --force shorten it. What is deleted and then changed by somebody else is gone all the same.
# What a file names
kubectl delete -f shop.yaml
# By name and by label
kubectl delete pod web
kubectl delete pods,services -l app=web
# Without waiting for its end
kubectl delete pod web --now

= rollout
Works with Deployments, DaemonSets and StatefulSets.
# Back to the revision before
kubectl rollout undo deployment/web
# Is it done?
kubectl rollout status deployment/web

= rollout history
# All revisions, and one of them
kubectl rollout history deployment/web
kubectl rollout history deployment/web --revision=2

= rollout pause
Only Deployments can be paused: changes are rolled out when they are resumed.
# Stop for now
kubectl rollout pause deployment/web

= rollout restart
# New Pods, one after the other
kubectl rollout restart deployment/web

= rollout resume
# Go on
kubectl rollout resume deployment/web

= rollout status
Waits until the newest revision is out, unless --watch=false.
# Is it done?
kubectl rollout status deployment/web

= rollout undo
# Back to the revision before, and to a certain one
kubectl rollout undo deployment/web
kubectl rollout undo deployment/web --to-revision=3

= scale
With --current-replicas or --resource-version it scales only what is as expected.
# Three replicas
kubectl scale --replicas=3 deployment/web
# Only if there are two
kubectl scale --current-replicas=2 --replicas=3 deployment/web

= autoscale
# Between two and ten replicas
kubectl autoscale deployment web --min=2 --max=10

= certificate

= certificate approve
# A request
kubectl certificate approve csr-name

= certificate deny
# A request
kubectl certificate deny csr-name

= cluster-info
Shows where the control plane and the services with label kubernetes.io/cluster-service=true are.
# Addresses
kubectl cluster-info

= cluster-info dump
Writes objects and logs to stdout, or to files with --output-directory.
# All namespaces, in a folder
kubectl cluster-info dump --all-namespaces --output-directory=/tmp/state

= top
Needs the Metrics Server in the cluster.

= top node
# All nodes
kubectl top node

= top pod
# Pods of the namespace
kubectl top pod

= cordon
# No new Pods for this node
kubectl cordon worker-1

= uncordon
# Pods may come again
kubectl uncordon worker-1

= drain
Marks the node as unschedulable and evicts its Pods. Pods of DaemonSets stay (--ignore-daemonsets says that this is meant); Pods without a controller need --force.
# Empty a node
kubectl drain worker-1 --ignore-daemonsets

= taint
A taint is key=value:effect or key:effect; the effect is NoSchedule, PreferNoSchedule or NoExecute. A "-" at its end removes it.
# Add and remove one
kubectl taint nodes worker-1 dedicated=db:NoSchedule
kubectl taint nodes worker-1 dedicated:NoSchedule-

= describe
Takes names, or beginnings of names.
# A node, a Pod, a Service
kubectl describe nodes worker-1
kubectl describe pods/web
kubectl describe service web
# By label
kubectl describe pods -l app=web

= logs
# One container's
kubectl logs web
kubectl logs web -c sidecar
# The run before a crash
kubectl logs -p web
# As it comes, from now on
kubectl logs -f web --tail=0
# Of all Pods with a label
kubectl logs -l app=web --all-containers

= attach
# What the container prints
kubectl attach web
# With its terminal
kubectl attach web -c sidecar -i -t

= exec
# One command
kubectl exec web -- cat /etc/resolv.conf
# A shell
kubectl exec -it web -- sh
# In a Pod of a Deployment or Service
kubectl exec deploy/web -- ip addr

= port-forward
Forwards ports of this machine to one Pod, that of a Service or Deployment too: it is picked at the start, and the forwarding ends with it.
# The same port here and there
kubectl port-forward pod/web 5000
# 8888 here, 5000 there
kubectl port-forward pod/web 8888:5000
# Any free port here
kubectl port-forward service/web :80

= proxy
Answers plain HTTP on this machine and speaks to the API server with your credentials.
# On the usual port
kubectl proxy
# Then, from another terminal
curl http://127.0.0.1:8001/api/v1/namespaces/default/pods
# On any free port
kubectl proxy --port=0

= cp
Needs tar in the container.
# There and back
kubectl cp page.html web:/usr/share/nginx/html/index.html
kubectl cp default/web:/etc/nginx/nginx.conf ./nginx.conf

= auth

= auth can-i
VERB is one of the API's, such as get or create; TYPE a resource or a path that begins with "/".
# In this namespace
kubectl auth can-i create pods
# Everything that I may do
kubectl auth can-i --list

= auth reconcile
# What the files say of roles and bindings
kubectl auth reconcile -f roles.yaml

= auth whoami
# Who the server takes me for
kubectl auth whoami

= debug
Adds a container to a Pod, makes a changed copy of one, or starts a Pod on a node (with the node's own namespaces and its files in /host).
# A container beside that of a Pod
kubectl debug -it web --image=busybox --target=nginx
# A copy of a Pod
kubectl debug web -it --image=busybox --copy-to=web-debug
# A shell on a node
kubectl debug node/worker-1 -it --image=busybox

= events
# The newest of this namespace
kubectl events
# Of one Pod
kubectl events --for pod/web --watch
# Only warnings, everywhere
kubectl events -A --types=Warning

= diff
Compares what is live with what would be after an apply. KUBECTL_EXTERNAL_DIFF names another diff. The exit code is 1 when something differs.
# What would change
kubectl diff -f shop.yaml

= apply
Makes what is not there and changes what is, so that it is as the files say. What was applied is remembered in an annotation.
# A file, a folder, stdin
kubectl apply -f shop.yaml
kubectl apply -f manifests/
cat shop.yaml | kubectl apply -f -

= apply edit-last-applied
# The remembered manifest of a Deployment
kubectl apply edit-last-applied deployment/web

= apply set-last-applied
# As the file says
kubectl apply set-last-applied -f shop.yaml

= apply view-last-applied
# As YAML, and as JSON
kubectl apply view-last-applied deployment/web
kubectl apply view-last-applied -f shop.yaml -o json

= patch
# A strategic merge patch
kubectl patch deployment web -p '{"spec":{"replicas":3}}'
# A JSON patch
kubectl patch service web --type=json -p '[{"op":"replace","path":"/spec/ports/0/port","value":81}]'
# A subresource
kubectl patch deployment web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'

= replace
The whole object is replaced; with --force it is deleted and made anew.
# As the file says
kubectl replace -f pod.yaml
kubectl replace --force -f pod.yaml

= wait
Looks again and again until the condition is met, and ends with an error after --timeout.
# Until a Pod is ready
kubectl wait --for=condition=Ready pod/web
# Until a field has a value
kubectl wait --for=jsonpath='{.status.phase}'=Running pod/web
# Until it is there, until it is gone
kubectl wait --for=create pod/web --timeout=1m
kubectl wait --for=delete pod/web --timeout=1m

= kustomize
# A folder with a kustomization
kubectl kustomize ./site

= label
A label's value has at most 63 letters, digits, "-", "_" and ".". A key with "-" after it removes the label.
# Set, replace and remove
kubectl label pods web tier=front
kubectl label --overwrite pods web tier=back
kubectl label pods web tier-

= annotate
An annotation is any text; it is for tools, not for selecting.
# Set, replace and remove
kubectl annotate pods web note='on trial'
kubectl annotate --overwrite pods web note='for good'
kubectl annotate pods web note-

= completion
The shell is bash, zsh, fish or powershell. This terminal completes by itself (press Tab); for bash there is a script, too.
# For the bash that runs now
source <(kubectl completion bash)

= api-resources
# Names, short names and kinds
kubectl api-resources
# With verbs
kubectl api-resources -o wide
# Of one group
kubectl api-resources --api-group=networking.k8s.io

= api-versions
# All of them
kubectl api-versions

= config
A value is looked up, and changed, in the file of --kubeconfig; or else in those of $KUBECONFIG, one after the other; or else in ~/.kube/config.

= config current-context
# Its name
kubectl config current-context

= config delete-cluster
# By name
kubectl config delete-cluster test

= config delete-context
# By name
kubectl config delete-context test

= config delete-user
# By name
kubectl config delete-user ann

= config get-clusters
# Their names
kubectl config get-clusters

= config get-contexts
# All, and one
kubectl config get-contexts
kubectl config get-contexts test

= config get-users
# Their names
kubectl config get-users

= config rename-context
The current context stays current under its new name.
# A shorter name
kubectl config rename-context kubernetes-admin@podhop lab

= config set
PROPERTY_NAME is a path with dots between its words. Bytes, such as certificate-authority-data, are given in base64, unless --set-raw-bytes says otherwise.
# The address of a cluster
kubectl config set clusters.test.server https://1.2.3.4

= config set-cluster
What the entry has already stays, unless a flag changes it.
# The address of a cluster
kubectl config set-cluster test --server=https://1.2.3.4

= config set-context
What the entry has already stays, unless a flag changes it.
# Work in another namespace
kubectl config set-context --current --namespace=team-a
# A new context
kubectl config set-context test --cluster=test --user=ann

= config set-credentials
What the entry has already stays, unless a flag changes it. A token and a user name with a password exclude each other.
# A token
kubectl config set-credentials ann --token=abc

= config unset
PROPERTY_NAME is a path with dots between its words.
# The namespace of a context
kubectl config unset contexts.test.namespace

= config use-context
# Another cluster, or another namespace
kubectl config use-context test

= config view
Secrets are not shown, unless --raw asks for them.
# What is merged of all files
kubectl config view
# What the current context uses
kubectl config view --minify

= plugin
Programs in the PATH whose name begins with "kubectl-" are further verbs.

= plugin list
# Those in the PATH
kubectl plugin list

= version
# Of the client and the server
kubectl version
`

export interface VerbText { long: readonly string[]; examples: readonly { comment: string; commands: readonly string[] }[] }

const EMPTY: VerbText = { long: [], examples: [] }
let known: Map<string, VerbText> | undefined

function read(): Map<string, VerbText> {
  return new Map(TEXTS.split(/^= /m).slice(1).map((block): [string, VerbText] => {
    const [name, ...lines] = block.trimEnd().split('\n')
    const long: string[] = []
    const examples: { comment: string; commands: string[] }[] = []
    for (const line of lines) {
      if (line.startsWith('# ')) examples.push({ comment: line, commands: [] })
      else if (examples.length > 0) examples.at(-1)!.commands.push(line)
      else if (line !== '') long.push(line)
    }
    return [name!, { long, examples }]
  }))
}

/** `path` is without "kubectl". */
export function verbText(path: string): VerbText {
  return (known ??= read()).get(path) ?? EMPTY
}
