/** Workloads and rollouts (of a ConfigMap one key: Go takes several in an order of chance), told to both kubectls one after the other; "# wait 5" lets five seconds pass. */
export const WORKLOAD_FILES: Record<string, string> = {
  'sts.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, annotations: {kubernetes.io/change-cause: first}}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
      - {name: main, image: "nginx:1.27", ports: [{containerPort: 80}]}
`,
  'claims.yaml': `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: claims}
spec:
  replicas: 0
  selector: {matchLabels: {app: claims}}
  template:
    metadata: {labels: {app: claims}}
    spec:
      containers:
      - {name: main, image: "nginx:1.27", volumeMounts: [{name: data, mountPath: /data}]}
  volumeClaimTemplates:
  - metadata: {name: data, labels: {a: b}}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`,
  'ds.yaml': `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers:
      - {name: main, image: "nginx:1.27"}
`,
  'rc.yaml': `apiVersion: v1
kind: ReplicationController
metadata: {name: old}
spec:
  replicas: 1
  selector: {app: old}
  template:
    metadata: {labels: {app: old}}
    spec:
      containers:
      - {name: main, image: "nginx:1.27", ports: [{containerPort: 80}]}
`,
  'job.yaml': `apiVersion: batch/v1
kind: Job
metadata: {name: list}
spec:
  completions: 2
  ttlSecondsAfterFinished: 3600
  activeDeadlineSeconds: 600
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "busybox:1.37", command: [echo, hello]}
`,
  'svc.yaml': `apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {a: b}, ports: [{port: 80}]}
`,
  'envs.yaml': `apiVersion: v1
kind: ConfigMap
metadata: {name: envs}
data: {two-words: "2"}
`,
}

export const WORKLOADS = `create -f sts.yaml
create -f claims.yaml
create -f ds.yaml
create -f rc.yaml
create -f job.yaml
create -f svc.yaml
create -f envs.yaml
create deployment web --image=nginx:1.27
# wait 30
get sts,ds,rc,job,deploy
get sts,ds,rc,job,deploy -o wide
get all
get controllerrevisions
describe sts db --show-events=false
describe sts claims --show-events=false
describe ds agent --show-events=false
describe rc old --show-events=false
describe job list --show-events=false
logs job/list
get job list -o jsonpath={.status.completedIndexes}
rollout status sts/db
rollout status ds/agent
rollout status rc/old
rollout history sts/db
rollout history ds/agent
rollout history rc/old
rollout history sts/db --revision=1
rollout history sts/db --revision=7
rollout undo sts/db
rollout undo ds/agent
rollout undo deploy/web
rollout undo rc/old
set image sts/db main=nginx:1.28
# wait 20
rollout status sts/db
rollout history sts/db
rollout undo sts/db --to-revision=9
rollout undo sts/db --dry-run=client
rollout undo sts/db --dry-run=server
rollout undo sts/db
# wait 20
rollout history sts/db
rollout undo sts/db --to-revision=3
set image ds/agent *=nginx:1.28
# wait 20
rollout history ds/agent
rollout history ds/agent --revision=2
rollout undo ds/agent
# wait 20
rollout history ds/agent
rollout pause ds/agent
rollout resume sts/db
rollout restart job/list
set image deploy/web nginx=nginx:1.28 --record
# wait 10
rollout history deploy/web
rollout history deploy/web --revision=2
rollout undo deploy/web --dry-run=client
rollout undo deploy/web
# wait 10
rollout history deploy/web
rollout undo deploy/web --to-revision=3
scale sts/db --replicas=3
scale rc/old --replicas=2
scale ds/agent --replicas=2
scale job/list --replicas=2
# wait 10
expose rc old
create job one --image=busybox:1.37 -- echo hi
create job one --image=busybox:1.37
create job two
create job two --image=x --from=cronjob/x
create job two --from=cronjob/nope
create job two --from=deployment/web
create job three --image=busybox:1.37 --dry-run=client -o yaml -- date
create job three --image=busybox:1.37 --dry-run=client -o json
create cronjob tick --image=busybox:1.37 --schedule=@hourly -- date
create cronjob tock --image=busybox:1.37 --schedule=nonsense
create cronjob tock --image=busybox:1.37
create cronjob tock --image=busybox:1.37 --schedule='*/5 * * * *' --restart=Never --dry-run=client -o yaml
create job from-tick --from=cronjob/tick --dry-run=client
create job from-tick --from=cronjob/tick
# wait 5
get cj
get cj -o wide
describe cronjob tick --show-events=false
set env deploy/web A=1 B=two
set env deploy/web --list
set env deploy/web A- C=3
set env deploy/web A=1 A-
set env deploy/web A=2 --overwrite=false
set env deploy/web B=x --overwrite=false
set env deploy/web --from=configmap/envs
set env deploy/web --from=configmap/envs --prefix=P_ --keys=two-words
set env deploy/web --list --resolve
set env deploy/web --list -o yaml
set env deploy/web --keys=a
set env deploy/web 1x=2
set env A=1
set env svc/web A=1
set env deploy/web -c nope A=1
set env deploy/web --dry-run=client Z=1
set env -f sts.yaml --local X=1 -o yaml
set resources deploy/web
set resources deploy/web --limits=cpu=200m,memory=64Mi --requests=cpu=100m
set resources deploy/web --limits=cpu
set resources deploy/web --limits=cpu=x
set resources deploy/web -c nope --limits=cpu=1
set resources -f sts.yaml --local --limits=cpu=1 -o yaml
set serviceaccount deploy/web robot
set sa
set sa -f sts.yaml --local robot -o yaml
set selector svc/web x=y,z=w
set selector svc/web
set selector deploy/web a=b
set selector -f svc.yaml --local q=r -o yaml
set image cronjob/tick tick=busybox:1.36
set image -f job.yaml --local main=x -o yaml
set image svc/web a=b
set image deploy/web nope=x
get deploy web -o jsonpath={.spec.template.spec.containers[0].env}
delete job list
delete sts db --cascade=orphan
delete rc old
# wait 40
get pods -o name -l app=old
`.trim().split('\n')
