import { afterEach, describe, expect, it } from 'vitest'
import { createCluster, parseClusterConfig, type Cluster, type HostPorts, type Process } from '../../engine/cluster.ts'
import { createTerminal } from '../../engine/machine/terminal.ts'
import { CallbackFile } from '../../engine/machine/files.ts'
import { decodeUtf8 } from '../../engine/text.ts'
import { complete } from '../editor/completion.ts'
import { openLoginShell, runScript } from '../index.ts'
import { registerPrograms } from '../programs.ts'

/** kubectl in a running cluster: what a student does at the terminal. Virtual time, nothing faked. */

interface Person {
  cluster: Cluster
  /** A script to its end. */
  run(script: string): { stdout: string; stderr: string; code: number | undefined }
  /** Keys at the terminal; then time passes. */
  type(keys: string, ms?: number): void
  wait(ms: number): void
  /** What came to the screen since the last look, without carriage returns. */
  look(): string
  terminal: ReturnType<typeof createTerminal>
}

const alive: Cluster[] = []
afterEach(() => alive.splice(0))

function sitDown(config: object = {}, ports?: HostPorts): Person {
  const cluster = createCluster(parseClusterConfig(config))
  alive.push(cluster)
  registerPrograms(cluster)
  if (ports) cluster.ports = ports
  cluster.settle()
  const { clock, laptop } = cluster
  laptop.fs.writeFile('/home/student/.bashrc', "PS1='$ '\n")
  const terminal = createTerminal(clock, { columns: 200, rows: 50 })
  let screen = ''
  terminal.onOutput((bytes) => (screen += decodeUtf8(bytes)))
  openLoginShell(laptop, terminal)
  clock.runFor(100)
  return {
    cluster,
    terminal,
    run(script) {
      let stdout = ''
      let stderr = ''
      const process: Process = runScript(laptop, script, new Map([[1, new CallbackFile(clock, (b) => (stdout += decodeUtf8(b)))], [2, new CallbackFile(clock, (b) => (stderr += decodeUtf8(b)))]]))
      clock.runUntil(clock.now + 3_600_000, () => process.status !== undefined)
      return { stdout, stderr, code: process.status?.code }
    },
    type(keys, ms = 500) {
      terminal.input(keys)
      clock.runFor(ms)
    },
    wait: (ms) => clock.runFor(ms),
    look() {
      const text = screen.replace(/\x1b\[[?\d;]*[a-zA-Z]/g, '').replaceAll('\r', '')
      screen = ''
      return text
    },
  }
}

describe('a student', () => {
  it('is ended by SIGPIPE, without a word, when nobody reads what it prints', () => {
    expect(sitDown().run('kubectl get nodes | head -0; echo ${PIPESTATUS[@]}')).toEqual({ stdout: '141 0\n', stderr: '', code: 0 })
  })

  it('makes a Deployment, exposes it, scales it and deletes it', () => {
    const { run } = sitDown()
    expect(run('kubectl create deployment web --image=nginx --replicas=2').stdout).toBe('deployment.apps/web created\n')
    expect(run('kubectl rollout status deploy/web').stdout).toMatch(/deployment "web" successfully rolled out\n$/)
    expect(run('kubectl expose deploy web --port=80').stdout).toBe('service/web exposed\n')
    expect(run('curl -s $(kubectl get po -l app=web -o jsonpath="{.items[0].status.podIP}") | head -1').code).toBe(0)
    expect(run('kubectl scale deploy web --replicas=4; kubectl wait --for=jsonpath="{.status.readyReplicas}"=4 deploy/web').stdout).toBe('deployment.apps/web scaled\ndeployment.apps/web condition met\n')
    expect(run('kubectl get po -l app=web --no-headers | wc -l').stdout.trim()).toBe('4')
    const gone = run('kubectl delete deploy/web svc/web && kubectl get deploy')
    expect(gone.stdout).toBe('deployment.apps "web" deleted\nservice "web" deleted\n')
    expect(gone.stderr).toBe('No resources found in default namespace.\n')
  })

  it('waits for a deleted Pod to be gone, and does not without --wait', () => {
    const { run } = sitDown()
    run('kubectl run p --image=busybox -- sleep 1000; kubectl wait --for=condition=ready pod/p')
    const waited = run('S=$SECONDS; kubectl delete pod p; echo $((SECONDS - S)); kubectl get pod p')
    expect(waited.stdout).toMatch(/^pod "p" deleted\n(29|30|31)\n$/)
    expect(waited.stderr).toBe('Error from server (NotFound): pods "p" not found\n')
    run('kubectl run q --image=busybox -- sleep 1000; kubectl wait --for=condition=ready pod/q')
    expect(run('kubectl delete pod q --wait=false; kubectl get pod q --no-headers').stdout).toMatch(/^pod "q" deleted\nq +1\/1 +Terminating/)
    expect(run('kubectl delete pod q --force').stderr).toMatch(/^Warning: Immediate deletion does not wait/)
  })

  it('watches Pods while they come, through a pipe, until Ctrl-C', () => {
    const s = sitDown()
    s.look()
    s.type('kubectl get pods -w | grep web\r', 2000)
    s.run('kubectl create deployment web --image=nginx')
    s.wait(5000)
    const seen = s.look()
    expect(seen).toMatch(/web-\S+ +0\/1 +Pending/)
    expect(seen).toMatch(/web-\S+ +1\/1 +Running/)
    s.type('\x03')
    s.type('echo back\r')
    expect(s.look()).toMatch(/back\n/)
    s.type('kubectl get po -w >/dev/null\r', 1000)
    s.type('\x03')
    s.type('echo code $?\r')
    // kubectl catches the signal and exits with 1 (pkg/util/interrupt)
    expect(s.look()).toMatch(/\ncode 1\n/)
  })
})

describe('a terminal in a container', () => {
  it('is raw here, cooked there: Ctrl-C stays inside, the exit code comes out, the terminal is as before', () => {
    const s = sitDown()
    s.run('kubectl run p --image=busybox -- sleep 1000; kubectl wait --for=condition=ready pod/p')
    s.look()
    s.type('kubectl exec -it p -- sh\r', 1000)
    expect(s.terminal.canonical).toBe(false)
    s.type('stty size; sleep 100\r', 1000)
    s.type('\x03')
    s.type('echo still $((1 + 1)) here\r')
    expect(s.look()).toMatch(/still 2 here\n/)
    s.terminal.resize(90, 20)
    s.type('exit 7\r', 1000)
    expect(s.terminal).toMatchObject({ canonical: expect.any(Boolean) as boolean, postprocess: true })
    s.type('echo code $?\r')
    const seen = s.look()
    expect(seen).toContain('command terminated with exit code 7\n')
    expect(seen).toContain('\ncode 7\n')
  })

  it('comes with kubectl run -it --rm, and the Pod goes with it', () => {
    const s = sitDown()
    s.look()
    s.type('kubectl run t --image=busybox --rm -it --restart=Never -- sh\r', 5000)
    expect(s.look()).toContain("If you don't see a command prompt, try pressing enter.\n")
    s.type('hostname\r')
    expect(s.look()).toMatch(/\nt\n/)
    s.type('exit 3\r', 3000)
    const seen = s.look()
    expect(seen).toContain('pod "t" deleted\n')
    expect(seen).toContain('pod default/t terminated (Error)\n')
    s.type('echo code $?; stty -a | grep -o " icanon"\r')
    expect(s.look()).toContain('\ncode 3\n')
    s.wait(40_000)
    expect(s.run('kubectl get pod t').stderr).toBe('Error from server (NotFound): pods "t" not found\n')
  })

  it('is not needed to run a command with input', () => {
    const { run } = sitDown()
    run('kubectl run p --image=busybox -- sleep 1000; kubectl wait --for=condition=ready pod/p')
    expect(run('echo one two | kubectl exec -i p -- wc -w').stdout.trim()).toBe('2')
    expect(run('kubectl exec p -- sh -c "echo out; echo err >&2; exit 5"')).toEqual({ stdout: 'out\n', stderr: 'err\ncommand terminated with exit code 5\n', code: 5 })
    expect(run('kubectl exec -it p -- echo hi').stderr).toBe('Unable to use a TTY - input is not a terminal or the right kind of file\n')
  })
})

describe('logs', () => {
  it('are followed until Ctrl-C, prefixed, cut and those of the container before', () => {
    const s = sitDown()
    s.run('kubectl run p --image=busybox -- sh -c "i=0; while true; do i=\\$((i+1)); echo line \\$i; sleep 1; done"; kubectl wait --for=condition=ready pod/p; sleep 5')
    expect(s.run('kubectl logs p --tail=2 --prefix').stdout).toMatch(/^\[pod\/p\/p\] line \d+\n\[pod\/p\/p\] line \d+\n$/)
    expect(s.run('kubectl logs p --timestamps --tail=1').stdout).toMatch(/^2026-01-05T08:\d\d:\d\d\.\d{9}Z line \d+\n$/)
    s.look()
    s.type('kubectl logs -f p --tail=1\r', 3000)
    expect(s.look().match(/line \d+\n/g)!.length).toBeGreaterThan(2)
    s.type('\x03')
    s.type('echo code $?\r')
    expect(s.look()).toContain('\ncode 1\n')
    expect(s.run('kubectl logs p -c nope').stderr).toBe('error: container nope is not valid for pod p\n')
    expect(s.run('kubectl logs nope').stderr).toBe('error: error from server (NotFound): pods "nope" not found in namespace "default"\n')
  })
})

describe('port-forward', () => {
  it('brings a page to the laptop, says so, and frees the port at Ctrl-C', () => {
    const opened: number[] = []
    const closed: number[] = []
    const s = sitDown({}, {
      open: (port, answer) => {
        opened.push(port)
        s.cluster.clock.schedule(0, () => answer({ port: port || 43210 }))
      },
      close: (port) => void closed.push(port),
    })
    s.run('kubectl create deployment web --image=nginx; kubectl expose deploy web --port=8000 --target-port=80; kubectl wait --for=condition=available deploy/web')
    s.look()
    s.type('kubectl port-forward svc/web 8080:8000\r', 1000)
    expect(s.look()).toContain('Forwarding from 127.0.0.1:8080 -> 80\n')
    expect(opened).toEqual([8080])
    const page = s.run('curl -s localhost:8080')
    expect(page.stdout).toContain('Welcome to nginx!')
    expect(s.look()).toContain('Handling connection for 8080\n')
    s.type('\x03')
    expect(closed).toEqual([8080])
    expect(s.run('curl -s localhost:8080').code).toBe(7)
    s.type('kubectl port-forward deploy/web :80\r', 1000)
    expect(s.look()).toContain('Forwarding from 127.0.0.1:43210 -> 80\n')
    s.type('\x03')
    expect(closed).toEqual([8080, 43210])
  })

  it('says in kubectl’s words that a port is taken, here or on the real machine', () => {
    const s = sitDown({}, { open: (_, answer) => void s.cluster.clock.schedule(0, () => answer({ error: 'bind: address already in use' })), close: () => undefined })
    s.run('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web')
    const refused = s.run('kubectl port-forward pod/web 8080:80')
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('Unable to listen on port 8080: Listeners failed to create with the following errors: [unable to create listener: Error listen tcp4 127.0.0.1:8080: bind: address already in use')
    expect(refused.stderr).toMatch(/\nerror: unable to listen on any of the requested ports: \[\{8080 80\}\]\n$/)
  })

  it('ends when nothing listens in the Pod', () => {
    const s = sitDown()
    s.run('kubectl run web --image=nginx; kubectl wait --for=condition=ready pod/web')
    const out = s.run('kubectl port-forward pod/web 9090:91 & sleep 1; curl -s localhost:9090; echo curl $?; wait $!; echo forward $?')
    expect(out.stdout).toMatch(/Handling connection for 9090\ncurl 52\nforward 1\n$/)
    expect(out.stderr).toMatch(/portforward\.go:\d+\] "Unhandled Error" err="an error occurred forwarding 9090 -> 91: .*connection refused/)
    expect(out.stderr).toMatch(/error: lost connection to pod\n$/)
  })
})

describe('what is typed', () => {
  it('is completed: verbs, kinds, names, namespaces, flags', () => {
    const { cluster, run } = sitDown()
    run('kubectl create deployment web --image=nginx; kubectl create ns team')
    let shell: Parameters<typeof complete>[0] | undefined
    const words = (text: string): string[] => {
      const process = [...cluster.laptop.processes.values()][0]!
      shell ??= { process, variables: { get: () => undefined, names: () => [] }, functions: new Map(), aliases: new Map(), readline: { variables: { is: () => false } } } as unknown as Parameters<typeof complete>[0]
      return complete(shell, text).candidates.map((c) => c.insert)
    }
    expect(words('kubectl des')).toEqual(['describe'])
    expect(words('kubectl get depl')).toEqual(['deployments.apps'])
    expect(words('kubectl get deploy w')).toEqual(['web'])
    expect(words('kubectl get deploy/')).toEqual(['deploy/web'])
    expect(words('kubectl -n te')).toEqual(['team'])
    expect(words('kubectl get po -n kube-system core')).toHaveLength(2)
    expect(words('kubectl logs -n kube-system kube-proxy')).toHaveLength(3)
    expect(words('kubectl config use')).toEqual(['use-context'])
    expect(words('kubectl get --all-n')).toEqual(['--all-namespaces'])
    expect(words('kubectl rollout st')).toEqual(['status'])
    expect(words('kubectl create dep')).toEqual(['deployment'])
    expect(words('kubectl logs dae')).toEqual(['daemonsets/'])
    const { process } = shell!
    const listed = complete({ process, variables: { get: () => undefined, names: () => [] }, functions: new Map(), aliases: new Map(), readline: { variables: { is: () => false } } } as unknown as Parameters<typeof complete>[0], 'kubectl ex').candidates.map((c) => c.display)
    expect(listed).toEqual(['exec     (Execute a command in a container)', 'explain  (Get documentation for a resource)', 'expose   (Take a replication controller, service, deployment or pod and expose it as a new Kubernetes service)'])
  })

  it('is as before v1.18 where the cluster file says so', () => {
    const { run } = sitDown({ kubectlRun: 'deployment' })
    const made = run('kubectl run web --image=nginx')
    expect(made.stdout).toBe('deployment.apps/web created\n')
    expect(made.stderr).toBe('kubectl run --generator=deployment/apps.v1 is DEPRECATED and will be removed in a future version. Use kubectl run --generator=run-pod/v1 or kubectl create instead.\n')
    expect(run('kubectl run once --image=busybox --restart=Never -- true').stdout).toBe('pod/once created\n')
    expect(run('kubectl run job --image=busybox --restart=OnFailure -- true').stdout).toBe('job.batch/job created\n')
    expect(run("kubectl run tick --image=busybox --restart=OnFailure --schedule='*/5 * * * *' -- date").stdout).toBe('cronjob.batch/tick created\n')
    expect(run('kubectl run three --image=nginx --replicas=3 --limits=cpu=200m -o yaml --dry-run').stdout).toMatch(/kind: Deployment[^]* {2}replicas: 3\n[^]* {10}limits:\n {12}cpu: 200m\n/)
    expect(run('kubectl run one --image=nginx --generator=run-pod/v1')).toEqual({ stdout: 'pod/one created\n', stderr: '', code: 0 })
    expect(run('kubectl run one --image=nginx --generator=pod').stderr).toContain('generator "pod" not found')
  })

  it('knows --generator of before v1.18 elsewhere, too, and then the flags of its time', () => {
    const { run } = sitDown()
    const made = run('kubectl run web --image=nginx --generator=deployment/apps.v1 --replicas=2')
    expect([made.stdout, made.stderr]).toEqual(['deployment.apps/web created\n', expect.stringContaining('kubectl run --generator=deployment/apps.v1 is DEPRECATED')])
    expect(run("kubectl get deploy web -o jsonpath='{.spec.replicas}'").stdout).toBe('2')
    expect(run('kubectl run web --image=nginx --replicas=2')).toEqual({ stdout: '', stderr: "error: unknown flag: --replicas\nSee 'kubectl run --help' for usage.\n", code: 1 })
  })

  it('and is not simulated is said so', () => {
    const { run } = sitDown()
    expect(run('kubectl autoscale deployment web --max=3')).toEqual({ stdout: '', stderr: 'podhop: not simulated: kubectl autoscale (use kubectl scale)\n', code: 69 })
    expect(run('kubectl get limitranges').code).toBe(69)
    expect(run(`kubectl get po -o 'go-template={{html .x}}'`).code).toBe(69)
    expect(run('KUBECONFIG=/nowhere kubectl get po').stderr).toContain('The connection to the server localhost:8080 was refused - did you specify the right host or port?\n')
  })
})
