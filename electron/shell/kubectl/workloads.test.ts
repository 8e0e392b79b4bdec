import { describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster } from '../../engine/cluster.ts'
import { CallbackFile } from '../../engine/machine/files.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { house } from '../house.samples.ts'
import { runScript } from '../index.ts'
import { registerPrograms } from '../programs.ts'

/** Workloads and their rollouts at a student's terminal, in a whole cluster. Compared with the real kubectl in tests/conformance. */
class Student {
  readonly cluster: Cluster = createCluster(parseClusterConfig({}))

  constructor() {
    registerPrograms(this.cluster)
    this.cluster.settle()
  }

  /** What a script prints, both ends together. */
  say(script: string): string {
    let text = ''
    const { clock, laptop } = this.cluster
    const file = (): CallbackFile => new CallbackFile(clock, (bytes) => (text += decodeUtf8(bytes)))
    const process = runScript(laptop, script, new Map([[1, file()], [2, file()]]))
    const end = clock.now + 600_000
    while (!process.status && clock.step(end));
    return text
  }
}

const SET = `cat <<'END' | kubectl apply -f -
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: main, image: "nginx:1.27"}]}
END
`

describe('a Job', () => {
  it('runs to its end, and its log is found by its name', () => {
    const student = new Student()
    expect(student.say('kubectl create job hi --image=busybox -- echo hello\nkubectl wait --for=condition=complete job/hi')).toBe('job.batch/hi created\njob.batch/hi condition met\n')
    expect(student.say('kubectl logs job/hi')).toBe('hello\n')
    expect(student.say('kubectl describe job hi')).toMatch(/^Pods Statuses: +0 Active \(0 Ready\) \/ 1 Succeeded \/ 0 Failed$/m)
    expect(student.say('kubectl delete job hi\nkubectl get pods')).toBe('job.batch "hi" deleted\nNo resources found in default namespace.\n')
  })

  it('is made from a CronJob by hand', () => {
    const student = new Student()
    student.say('kubectl create cronjob tick --image=busybox --schedule=@monthly -- date\nkubectl create job now --from=cronjob/tick')
    expect(student.say('kubectl get job now -o jsonpath="{.metadata.annotations} {.metadata.ownerReferences[0].name}"')).toBe('{"cronjob.kubernetes.io/instantiate":"manual"} tick')
  })
})

describe('a StatefulSet', () => {
  it('is rolled out, looked at, and rolled back', () => {
    const student = new Student()
    student.say(SET)
    expect(student.say('kubectl rollout status sts/db')).toMatch(/partitioned roll out complete: 2 new pods have been updated\.\.\.\n$/)
    student.say('kubectl set image sts/db main=nginx:1.28\nkubectl rollout status sts/db')
    expect(student.say('kubectl rollout history sts/db')).toBe('statefulset.apps/db \nREVISION  CHANGE-CAUSE\n1         <none>\n2         <none>\n\n')
    expect(student.say('kubectl rollout history sts/db --revision=2')).toContain('Image:\tnginx:1.28')
    expect(student.say('kubectl rollout undo sts/db')).toBe('statefulset.apps/db rolled back\n')
    expect(student.say('kubectl rollout status sts/db >/dev/null; kubectl get pods -o jsonpath="{.items[*].spec.containers[0].image}"')).toBe('nginx:1.27 nginx:1.27')
    expect(student.say('kubectl rollout undo sts/db --to-revision=3')).toBe('statefulset.apps/db skipped rollback (current template already matches revision 3)\n')
  })
})

describe('kubectl set', () => {
  it('writes variables, lists them and takes them away', () => {
    const student = new Student()
    student.say('kubectl create deployment web --image=nginx:1.27\nkubectl create configmap envs --from-literal=a-b=1')
    expect(student.say('kubectl set env deploy/web A=1 B=2')).toBe('deployment.apps/web env updated\n')
    expect(student.say('kubectl set env deploy/web A- --from=configmap/envs')).toBe('Warning: key a-b transferred to A_B\ndeployment.apps/web env updated\n')
    expect(student.say('kubectl set env deploy/web --list --resolve')).toBe('# Deployment web, container nginx\nB=2\nA_B=1\n')
  })

  it('notes the command when it is told to', () => {
    const student = new Student()
    student.say('kubectl create deployment web --image=nginx:1.27')
    expect(student.say('kubectl set image deploy/web nginx=nginx:1.28 --record')).toBe('Flag --record has been deprecated, --record will be removed in the future\ndeployment.apps/web image updated\n')
    student.say('kubectl rollout status deploy/web')
    expect(student.say('kubectl rollout history deploy/web')).toContain('2         kubectl set image deploy/web nginx=nginx:1.28 --record=true\n')
  })
})

describe('a manifest that is a stream', () => {
  it('of bash, or standard input by its name, is read like a file', () => {
    const student = new Student()
    const manifest = (name: string): string => `'{apiVersion: v1, kind: ConfigMap, metadata: {name: ${name}}}'`
    expect(student.say(`kubectl apply -f <(echo ${manifest('one')}); echo ${manifest('two')} | kubectl apply -f /dev/stdin`)).toBe('configmap/one created\nconfigmap/two created\n')
    expect(student.say('kubectl apply -f <(echo a: b: c)')).toContain('error parsing /dev/fd/63: ')
    expect(student.say('kubectl apply -f /dev/fd/9')).toBe('error: the path "/dev/fd/9" does not exist\n')
  })

  it('so is a key of a ConfigMap or Secret', () => {
    const student = new Student()
    student.say('echo hello | kubectl create configmap one --from-file=text=/dev/stdin; kubectl create secret generic two --from-file=text=<(echo hello); echo A=1 | kubectl create cm three --from-env-file=/dev/stdin')
    expect(student.say(`kubectl get cm one three -o jsonpath='{.items[*].data}'; kubectl get secret two -o jsonpath='{.data}'`)).toBe('{"text":"hello\\n"} {"A":"1"}{"text":"aGVsbG8K"}')
  })

  it('so is the configuration of a docker-registry Secret, from a file as well', () => {
    const student = new Student()
    student.say(`echo '{"auths":{}}' > d.json; kubectl create secret docker-registry one --from-file=d.json; kubectl create secret docker-registry two --from-file=.dockerconfigjson=/dev/stdin < d.json`)
    expect(student.say(`kubectl get secret one two -o jsonpath='{.items[*].data}'`)).toBe(`{".dockerconfigjson":"eyJhdXRocyI6e319Cg=="} {".dockerconfigjson":"eyJhdXRocyI6e319Cg=="}`)
    expect(student.say('kubectl create secret docker-registry three --from-file=nope')).toContain('error: error reading nope: no such file or directory')
  })
})

describe('what students do in a Pod without the tool', () => {
  it('runs a Pod for one command and shows what it says, with a terminal or without one', () => {
    const lab = house({ nodes: 2 })
    for (const flags of ['-it', '-i', '--attach']) expect(lab.run(`kubectl run once --image=busybox --rm ${flags} --restart=Never -- sh -c "sleep 1; echo hello" 2>/dev/null`).output).toMatch(/^hello\r?$/m)
  })

  it('knows the applets of busybox from those that there are not', () => {
    const lab = house({ nodes: 2 })
    lab.run('kubectl run b --image=busybox -- sleep 1000; kubectl wait --for=condition=Ready pod/b')
    expect(lab.run('kubectl exec b -- fsck')).toEqual({ output: 'podhop: not simulated: the busybox applet fsck\ncommand terminated with exit code 69\n', code: 69 })
    expect(lab.run('kubectl exec b -- busybox kubectl').output).toMatch(/^kubectl: applet not found\n/)
    expect(lab.run('kubectl exec b -- busybox').output).toContain('\nCurrently defined functions:\n\t[, [[, acpid, ')
    expect(lab.run('kubectl exec b -- busybox --list').output).not.toMatch(/^(mysqld|kubectl|hop)$/m)
  })

  it('says of package managers that there is no internet, and where the tools are', () => {
    const lab = house({ nodes: 2 })
    lab.run('kubectl run a --image=alpine -- sleep 1000; kubectl run u --image=ubuntu -- sleep 1000; kubectl wait --for=condition=Ready pod/a pod/u')
    expect(lab.run('kubectl exec a -- apk add curl')).toEqual({ output: expect.stringMatching(/^podhop: not simulated: apk add \(there is no internet.*nicolaka\/netshoot.*\ncommand terminated with exit code 69\n$/) as string, code: 69 })
    expect(lab.run('kubectl exec u -- bash -c "apt-get update && apt-get install curl"').output).toMatch(/^podhop: not simulated: apt-get update /)
  })
})
