/** What each flag is for, in our own words: by its name, or by "verb flag" where a verb means something of its own. */
const TEXTS = `
accept-hosts: Regular expression of the hosts that the proxy answers.
accept-paths: Regular expression of the paths that the proxy lets through.
address: Addresses to listen on, comma separated. Here only those of this machine itself.
aggregation-rule: Labels of the ClusterRoles whose rules are gathered, as key=value,key=value.
all: Take all objects of the named types in the namespace.
all-containers: Take the logs of all containers in the Pod.
all-namespaces: Look in all namespaces, whatever the context or --namespace says.
all-pods: Take the logs of all Pods of the workload, each line with its Pod before it.
allow-missing-template-keys: Print nothing for fields that a template names and the object does not have, instead of failing.
annotation: Annotation of the Ingress, as key=value.
annotations: Annotations for the Pod, as key=value.
api-group: Show only resources of this API group.
api-prefix: Path below which the API is found.
api-version: Explain this version of the API (group/version).
append-hash: Add a hash of the content to the name.
append-server-path: Add the path of the server's address to each request's.
arguments-only: Replace the container's arguments only, and keep its command.
as: User to act as.
as-current-user: Run functions with the user's own id and group.
as-group: Group to act as; may be repeated.
as-uid: UID to act as.
attach: Wait until the Pod runs, and attach to it. The default is true with -i.
audience: Who the token is for; may be repeated.
auth-provider: Authentication plugin of the user entry.
auth-provider-arg: key=value for the authentication plugin, or key- to remove one.
bound-object-kind: Kind of the object that the token lives and dies with: Pod, Secret or Node.
bound-object-name: Name of the object that the token lives and dies with.
bound-object-uid: UID of the object that the token lives and dies with; needs its kind and name.
cache-dir: Folder for what was learned from servers before.
cached: Use what is cached of the resources, if there is any.
cascade: What becomes of the objects that an object owns: "background", "orphan" or "foreground".
categories: Show only resources in these categories.
cert: File with the certificate, in PEM.
certificate-authority: File with the certificate of the authority that signs servers.
chunk-size: Ask the server for so many objects at a time; 0 asks for all at once.
class: Class of the Ingress, for the controller that is to serve it.
client: Show only the client's version, and ask no server.
client-certificate: File with the client certificate for TLS.
client-key: File with the client key for TLS.
cluster: Name of the cluster in the kubeconfig.
cluster-ip: Address for the Service; 'None' makes it headless, empty lets the cluster choose.
clusterip: Address for the Service, or 'None' for a headless one. Empty lets the cluster choose.
clusterrole: ClusterRole that is bound.
command: Use what follows "--" as the container's command, not as its arguments.
concurrency: How many objects are worked on at a time.
container: Name of the container. Without it, the Pod's default container or its first.
containers: Names of the containers; wildcards may be used.
context: Name of the context in the kubeconfig.
copy-to: Make a copy of the Pod by this name, and debug that.
cpu-percent: Mean CPU use to aim at, in percent of what is requested.
create-annotation: Create the annotation on objects that do not have it.
current: Change the current context.
current-replicas: Scale only if there are so many replicas now.
custom: File with a container spec that completes the debugging container.
default-backend: Service for what no rule matches, as service:port.
delete-emptydir-data: Go on even if Pods have emptyDir volumes, whose data is lost.
description: What the priority class is for.
disable-compression: Do not ask for compressed answers.
disable-eviction: Delete the Pods instead of evicting them, past their disruption budgets.
disable-filter: Answer everybody and every path. Dangerous on a network.
docker-email: E-mail address for the registry.
docker-password: Password for the registry.
docker-server: Address of the registry.
docker-username: User name for the registry.
dry-run: "none", "client" (only print what would be sent) or "server" (send it, keep nothing).
duration: How long the token shall live, such as 1h; the server may decide otherwise.
edit: Edit the objects before they are created.
embed-certs: Keep the content of the files in the kubeconfig, not their paths.
enable-alpha-plugins: Allow kustomize plugins.
enable-helm: Allow the Helm chart inflator.
env: Environment variable for the container, as NAME=value; may be repeated.
exec-api-version: API version of the credential command.
exec-arg: Argument for the credential command; may be repeated.
exec-command: Command that gives the user's credentials.
exec-env: NAME=value for the credential command's environment, or NAME- to remove one.
exec-interactive-mode: When the credential command may use stdin: IfAvailable, Never or Always.
exec-provide-cluster-info: Tell the credential command about the cluster.
expose: Make a Service for the Pod, too. Needs --port.
external-ip: Further address at which nodes accept traffic for the Service.
external-name: Name that the Service is an alias of.
field-manager: Name under which changed fields are remembered.
field-selector: Filter by fields, with =, == and != (metadata.name=web,status.phase=Running). Each type has its own few fields.
filename: File, folder or URL with manifests; "-" is stdin.
flatten: Put the content of files that are named into the output, which stands alone then.
follow: Keep printing what comes.
for: Filter by what it is about, or the condition to wait for.
force: Do it even where objects must be deleted at once or made anew.
force-conflicts: Take over fields that another manager owns.
from: Where to take it from, as type/name.
from-env-file: File with KEY=value lines, each of which becomes an entry.
from-file: File, or folder of files, whose content becomes entries; key=path names the key.
from-literal: key=value for an entry; may be repeated.
global-default: Use this class for Pods that name none.
grace-period: Seconds that Pods get to end by themselves; negative: as they say, 0: none.
group: Group that is bound; may be repeated.
hard: Limits, as resource=quantity,resource=quantity.
helm-api-versions: API versions to tell Helm of.
helm-command: Helm's command.
helm-debug: Have Helm say more.
helm-kube-version: Kubernetes version to tell Helm of.
ignore-daemonsets: Leave the Pods of DaemonSets where they are.
ignore-errors: Go on when one of several logs cannot be had.
ignore-not-found: An object that is not there is no error.
image: Image that the container runs.
image-pull-policy: When the image is pulled: Always, IfNotPresent or Never.
insecure-skip-tls-verify: Do not check the server's certificate.
insecure-skip-tls-verify-backend: Do not check the kubelet's certificate.
interactive: Ask before each deletion.
keep-annotations: Keep the annotations in the copy.
keep-init-containers: Keep the init containers in the copy.
keep-labels: Keep the labels in the copy, which Services then select too.
keep-liveness: Keep the liveness probes in the copy.
keep-readiness: Keep the readiness probes in the copy.
keep-startup: Keep the startup probes in the copy.
keepalive: How often a connection shows that it lives; 0s is the system's way.
key: File with the private key, in PEM.
keys: Take only these keys.
kubeconfig: Kubeconfig file for this call.
kustomize: Folder with a kustomization. Not with -f or -R.
label-columns: Labels that become columns of the table; may be repeated.
labels: Labels for the new object, as key=value,key=value.
leave-stdin-open: Leave the container's stdin open after the first who attached to it left.
limit-bytes: Print at most so many bytes of a log.
limits: Limits for the containers, as cpu=200m,memory=256Mi.
list: List what there is.
load-balancer-ip: Address to ask the load balancer for.
load-restrictor: Whether kustomizations may load files from outside their folder.
local: Work on the files alone, and ask no server.
log-flush-frequency: How often logs are written out.
match-server-version: Insist on a server of the client's version.
max: Most replicas that there may be.
max-log-requests: How many logs may be followed at once.
max-unavailable: How many Pods may be missing at a time, as a number or in percent.
merge: Merge all kubeconfig files into one.
min: Fewest replicas that there may be.
min-available: How many Pods must stay, as a number or in percent.
minify: Show only what the current context uses.
mount: Mount for functions.
name: Name of the new object.
name-only: Show names without their folders.
namespace: Namespace for this call.
namespaced: Show only resources that live in namespaces, or with =false those that do not.
namespaces: Namespaces to dump, comma separated.
network: Allow functions to use the network.
network-name: Network for functions.
no-headers: Print no header line.
no-preserve: Do not keep owner and mode of files in the container.
node-port: Port for the Service on every node.
non-resource-url: Path that is no resource, such as /healthz.
now: Let Pods end almost at once (a grace period of 1).
openapi-patch: Use the published schema for objects that kubectl does not know by heart.
output: Output format.
output-directory: Folder to write the files to; "-" is stdout.
output-patch: Print the patch, too.
output-watch-events: Print what kind of change each is. With --watch or --watch-only.
override-type: How --overrides is meant: json, merge or strategic.
overrides: JSON that is laid over the generated object.
overwrite: Allow values that are there to be replaced.
password: Password for basic authentication.
patch: The patch, as JSON or YAML.
patch-file: File with the patch.
pod-running-timeout: How long to wait until one Pod runs, such as 5s or 2m.
pod-selector: Take only the node's Pods with these labels.
port: Port to use.
preemption-policy: Whether Pods of this class push others away.
prefix: Put Pod and container before each line.
previous: Show the log of the container's run before this one.
privileged: Run the container in privileged mode.
profile: Profile to capture.
profile-output: File for the profile.
protocol: Network protocol of the Service: TCP, UDP or SCTP. The default is TCP.
proxy-url: Proxy on the way to the cluster.
prune: Delete objects that were applied before and are no longer in the manifests.
prune-allowlist: Types that --prune may delete, as group/version/Kind.
quiet: Say less.
raw: Path on the server to ask, as it stands.
recursive: Go through folders with all that is in them.
reject-methods: Regular expression of the HTTP methods that the proxy refuses.
reject-paths: Regular expression of the paths that the proxy refuses.
remove-extra-permissions: Remove permissions that the files do not name.
remove-extra-subjects: Remove subjects that the files do not name.
replace: Delete the original Pod when it is copied.
replicas: How many replicas there shall be.
request-timeout: How long to wait for one request, such as 1s or 2m; 0 is forever.
requests: Requests for the containers, as cpu=100m,memory=128Mi.
resolve: Show the values that secrets and config maps give.
resource: Resource that the rule is about.
resource-name: Name that the rule is about; may be repeated.
resource-version: Change the object only if it has this version.
restart: When containers are started again: Always, OnFailure or Never.
retries: How often to try again when a copy breaks off; negative: always.
revision: Revision that is meant; 0 is the latest.
rm: Delete the Pod when the command that is attached to it ends.
role: Role that is bound.
rule: Rule, as host/path=service:port, with ,tls or ,tls=secret.
same-node: Let the copy run on the same node.
save-config: Remember the object for a later kubectl apply.
schedule: When it runs, in cron's notation.
scopes: Scopes of the quota, comma separated.
selector: Filter by labels, with =, ==, !=, in and notin (app=web,tier in (front,back)). All must match.
server: Address and port of the API server.
server-print: Let the server make the table.
server-side: Let the server do it, and keep account of who owns which field.
serviceaccount: ServiceAccount, as namespace:name; may be repeated.
session-affinity: Whether a client stays with one Pod: None or ClientIP.
set-image: New images for the copy, as container=image.
set-raw-bytes: Take a value of bytes as it stands, not as base64.
share-processes: Let the containers of the copy see each other's processes.
show-capacity: Reckon with the nodes' capacity, not with what Pods may use of it.
show-events: Show the events that are about the object.
show-kind: Put the type before each name.
show-labels: Show the labels as the last column.
show-managed-fields: Keep managedFields in JSON and YAML.
since: Only what is younger than this, such as 5s, 2m or 3h.
since-time: Only what came after this time (RFC 3339).
skip-wait-for-delete-timeout: Do not wait for Pods that are being deleted for longer than so many seconds.
sort-by: Sort by this JSONPath or name.
stdin: Pass stdin to the container.
subresource: Part of the object that is meant, such as status or scale.
sum: Print the sum, too.
tail: So many of the last lines; -1 is all.
target: Container whose processes the debugging container sees.
target-port: Number or name of the port on the container. The default is the Service's own.
tcp: Port, as port or port:targetPort; may be repeated.
template: Template, or file with one, for -o go-template and -o jsonpath.
timeout: How long to wait before giving up; 0 is forever.
timestamps: Put the time before each line.
tls-server-name: Name that the server's certificate must have.
to-revision: Revision to go back to; 0 is the one before.
token: Bearer token for the API server.
tty: Make stdin a terminal.
type: Type that is meant.
types: Only events of these types.
unix-socket: Socket file to listen on.
use-protocol-buffers: Ask for metrics in protocol buffers.
user: User of the kubeconfig.
username: User name for basic authentication.
v: How much is logged: a number.
validate: What happens with unknown or doubled fields: strict (or true), warn, ignore (or false).
value: Priority of the class.
verb: Verb that the rule allows.
verbs: Show only resources with these verbs.
vmodule: Log levels of single files, as pattern=N,pattern=N.
wait: Wait until objects are really gone.
warnings-as-errors: End with an error when the server warns.
watch: After the answer, watch for changes.
watch-only: Watch for changes, without the answer first.
windows-line-endings: Write the file to edit with the line endings of Windows.
www: Folder whose files are served, too.
www-prefix: Path at which those files are found.
create rolebinding user: User that is bound; may be repeated.
create clusterrolebinding user: User that is bound; may be repeated.
set subject user: User to add; may be repeated.
config set-context user: User for the context entry.
config set-context cluster: Cluster for the context entry.
config set-context namespace: Namespace for the context entry.
create job from: CronJob to start now, as cronjob/name.
set env from: ConfigMap or Secret whose entries become variables, as configmap/name.
set env prefix: Put this before the names of variables that come from a ConfigMap or Secret.
port-forward address: Addresses to listen on, comma separated: localhost, or an address of this machine itself.
create clusterrole resource: Resource that the rule is about.
expose port: Port that the Service listens on; without it, those of the exposed object.
expose selector: Labels that the Service selects, with = and !=; without it, those of the exposed object.
expose type: Type of the Service: ClusterIP, NodePort, LoadBalancer or ExternalName. The default is ClusterIP.
expose name: Name of the new Service; without it, that of the exposed object.
run port: Port that the container opens.
run labels: Labels for the Pod, as key=value,key=value. They replace run=NAME.
proxy port: Port to listen on; 0 is any free one.
create deployment port: Port that the container opens.
create deployment image: Image that a container runs; several make several containers.
patch type: How the patch is meant: json, merge or strategic.
create secret generic type: Type of the secret.
debug image: Image of the debugging container.
debug profile: What the debugging container may do: legacy, general, baseline, netadmin, restricted or sysadmin.
events for: Only events about this object, as type/name.
wait for: What to wait for: create, delete, condition=name[=value], jsonpath='{path}'[=value].
wait timeout: How long to wait; 0 looks once, a negative time waits a week.
wait all: Wait for all objects of the named types.
apply all: Take all objects of the namespace.
logs container: Print the log of this container.
auth can-i list: List all that one may do in the namespace.
auth can-i quiet: Say nothing; the exit code is the answer.
auth can-i subresource: Part of the resource, such as log or scale.
drain timeout: How long to wait before giving up; 0 is forever.
drain force: Go on even if there are Pods that nobody will make anew.
cluster-info dump output: Output format of what is dumped.
kustomize output: File to write to.
kustomize env: Environment variable for functions.
set env env: Variable to set, as NAME=value; may be repeated.
taint all: Take all nodes.
`

const texts = new Map(TEXTS.trim().split('\n').map((line): [string, string] => {
  const at = line.indexOf(': ')
  return [line.slice(0, at), line.slice(at + 2)]
}))

/** `path` is without "kubectl". */
export function flagText(path: string, flag: string): string {
  return texts.get(`${path} ${flag}`) ?? texts.get(flag) ?? ''
}
