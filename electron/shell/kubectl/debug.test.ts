import { describe, expect, it } from 'vitest'
import type { Pod } from '../../engine/cluster.ts'
import { house, type House } from '../house.samples.ts'

/** Names that are made by chance are shown as "xxxxx". */
function said(home: House, script: string): string {
  return home.run(script).output.replaceAll(/(debugger-|worker-1-)[bcdfghj-np-tv-xz2456789]{5}\b/g, '$1xxxxx')
}

function withNginx(): House {
  const home = house()
  home.run('kubectl run web --image=nginx --labels=app=web; kubectl wait --for=condition=Ready pod/web')
  return home
}

const pod = (home: House, name: string): Pod => home.cluster.client.get<Pod>('pods', 'default', name)
const LEGACY = '--profile=legacy is deprecated and will be removed in the future. It is recommended to explicitly specify a profile, for example "--profile=general".\n'

describe('kubectl debug of a Pod', () => {
  it('puts a container beside the others, in the Pod’s network', () => {
    const home = withNginx()
    expect(said(home, 'kubectl debug web --image=busybox:1.36 --profile=general -i -- wget -qO- http://localhost')).toMatch(/^Defaulting debug container name to debugger-xxxxx\.\n(.*\n)*.*<title>Welcome to nginx!<\/title>/)
    const { spec, status } = pod(home, 'web')
    const [container] = spec.ephemeralContainers!
    expect(container).toMatchObject({ image: 'busybox:1.36', command: ['wget', '-qO-', 'http://localhost'], stdin: true, terminationMessagePolicy: 'File', securityContext: { capabilities: { add: ['SYS_PTRACE'] } } })
    expect(status.ephemeralContainerStatuses).toMatchObject([{ name: container!.name, ready: false, restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed' } } }])
    expect(status.containerStatuses).toHaveLength(1)
    expect(said(home, `kubectl get events --field-selector involvedObject.fieldPath='spec.ephemeralContainers{${container!.name}}' -o custom-columns=R:.reason --no-headers | sort | uniq`)).toBe('Created\nPulled\nPulling\nStarted\n')
  })

  it('with --target sees that container’s processes', () => {
    const home = withNginx()
    const output = said(home, 'kubectl debug web --image=busybox --target=web -i -- ps')
    expect(output).toContain(`Targeting container "web". If you don't see processes from this container it may be because the container runtime doesn't support this feature.\n${LEGACY}`)
    expect(output).toMatch(/^ +1 root .*nginx -g daemon off;$/m)
    expect(output).toMatch(/^ *\d+ root .* ps$/m)
  })

  it('in a terminal is a shell, and says how to come back', () => {
    const home = withNginx()
    const window = home.open()
    expect(window.type('kubectl debug -it web --image=busybox -c spy --profile=netadmin -- sh\r', 5_000)).toContain("If you don't see a command prompt, try pressing enter.")
    expect(window.type('hostname; ip route | head -1\r')).toMatch(/web\n[^\n]*default via 10\.244\.\d\.1/)
    expect(window.type('exit\r', 3_000)).toContain("Session ended, the ephemeral container will not be restarted but may be reattached using 'kubectl attach web -c spy -i -t' if it is still running")
    expect(pod(home, 'web').spec.ephemeralContainers![0]!.securityContext).toEqual({ capabilities: { add: ['NET_ADMIN', 'NET_RAW'] } })
  })

  it('tells why its container does not start', () => {
    const home = withNginx()
    const window = home.open()
    expect(window.type('kubectl debug -it web --image=nope/nope -c spy --profile=general\r', 20_000)).toMatch(/Warning: container spy: .*nope\/nope/)
  })

  it('in a copy changes what was asked for and leaves the rest', () => {
    const home = withNginx()
    expect(said(home, 'kubectl debug web --copy-to=web-debug --image=busybox --share-processes --profile=general -- sleep 1d')).toBe('Defaulting debug container name to debugger-xxxxx.\n')
    home.cluster.settle()
    const { spec, metadata, status } = pod(home, 'web-debug')
    expect(metadata.labels).toBeUndefined()
    expect(spec.shareProcessNamespace).toBe(true)
    expect(spec.containers.map((c) => c.image)).toEqual(['nginx', 'busybox'])
    expect(status.phase).toBe('Running')
    expect(said(home, 'kubectl debug web --copy-to=older --set-image=*=nginx:1.25 --replace --same-node --profile=general')).toBe('')
    home.cluster.settle()
    expect(pod(home, 'older').spec.containers[0]!.image).toBe('nginx:1.25')
    expect(home.run('kubectl get pod web').output).toBe('Error from server (NotFound): pods "web" not found\n')
  })

  it('refuses what does not go together', () => {
    const home = withNginx()
    const problems = {
      '': 'you must specify --image when not using --copy-to.',
      '--image=busybox --replace': '--replace may only be used with --copy-to.',
      '--copy-to=x': 'you must specify --image, --set-image or command arguments.',
      '--image=busybox --copy-to=x --target=web': '--target is incompatible with --copy-to. Use --share-processes instead.',
      '--image=busybox -t': '-i/--stdin is required for containers with -t/--tty=true',
      '--image=busybox --profile=root': 'unknown profile: root',
      '--image=a//b': 'invalid image name "a//b": invalid reference format',
    }
    for (const [words, problem] of Object.entries(problems)) expect(home.run(`kubectl debug web ${words}`).output).toBe(`error: ${problem}\n`)
  })
})

describe('kubectl debug of a node', () => {
  it('makes a Pod in its namespaces, with its files below /host', () => {
    const home = house()
    const output = said(home, 'kubectl debug node/worker-1 -i --image=busybox --profile=general -- cat /host/etc/hostname')
    expect(output).toContain('Creating debugging pod node-debugger-worker-1-xxxxx with container debugger on node worker-1.\n')
    expect(output).toMatch(/worker-1\n$/)
    const [made] = home.cluster.client.list<Pod>('pods', { namespace: 'default' }).items
    expect(made!.spec).toMatchObject({ hostNetwork: true, hostPID: true, hostIPC: true, nodeName: 'worker-1', restartPolicy: 'Never', volumes: [{ name: 'host-root', hostPath: { path: '/' } }, {}] })
    // the label came with v1.34
    expect(made!.metadata.labels).toBeUndefined()
  })
})
