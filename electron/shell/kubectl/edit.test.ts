import { describe, expect, it } from 'vitest'
import type { ConfigMap } from '../../engine/kubernetes/types.ts'
import { bench, type Bench } from './testing.samples.ts'

function lab(): Bench {
  const made = bench()
  for (const name of ['one', 'two']) made.api.create('configmaps', 'default', { metadata: { name }, data: { a: name } })
  return made
}

const valueOf = ({ api }: Bench, name: string): string | undefined => api.get<ConfigMap>('configmaps', 'default', name).data?.['a']
/** Names of temporary files are chance. */
const nameless = (text: string): string => text.replace(/kubectl-edit-\d+/g, 'kubectl-edit-N')

describe('kubectl edit', () => {
  it('shows several objects as one list, sends what changed and leaves no file', () => {
    const b = lab()
    const { stdout, stderr, code } = b.run(`EDITOR='sed -i s/one$/uno/;/name:/s/uno/one/' kubectl edit cm one two; ls /tmp`)
    expect([stdout, stderr, code]).toEqual(['configmap/one edited\nconfigmap/two skipped\n', '', 0])
    expect([valueOf(b, 'one'), valueOf(b, 'two')]).toEqual(['uno', 'two'])
  })

  it('prefers KUBE_EDITOR to EDITOR', () => {
    expect(lab().run('EDITOR=false KUBE_EDITOR=true kubectl edit cm one').stderr).toBe('Edit cancelled, no changes made.\n')
  })

  it('edits a part that has a path of its own', () => {
    const b = lab()
    b.api.create('pods', 'default', { metadata: { name: 'web' }, spec: { containers: [{ name: 'web', image: 'nginx' }] } })
    const edited = b.run(`EDITOR='sed -i "s/^status:/status:\\n  message: by hand/"' kubectl edit pod web --subresource=status; kubectl get pod web -o 'jsonpath={.status.message}'`)
    expect([edited.stdout, edited.stderr]).toEqual(['pod/web edited\nby hand', ''])
    expect(b.run('kubectl edit cm one --subresource=status').stderr).toBe('Error from server (NotFound): the server could not find the requested resource (get configmaps one)\n')
  })

  it('opens the file again with what the decoder said', () => {
    const b = lab()
    b.write('/home/student/e.sh', 'if grep -q "syntax error" "$1"; then sed -n 5,6p "$1"; else sed -i "s/^kind: .*/kind: Nonsense/" "$1"; fi\n')
    const { stdout, stderr, code } = b.run("KUBE_EDITOR='sh /home/student/e.sh' kubectl edit cm one")
    expect(stdout).toBe('# The edited file had a syntax error: resource mapping not found for name: "one" namespace: "default" from "edited-file": no matches for kind "Nonsense" in version "v1"\n# ensure CRDs are installed first\n')
    expect(nameless(stderr)).toBe('A copy of your changes has been stored to "/tmp/kubectl-edit-N.yaml"\nerror: Edit cancelled, no valid changes were saved.\n')
    expect(code).toBe(1)
  })

  it('keeps the edits when somebody else was faster', () => {
    const b = lab()
    b.write('/home/student/e.sh', 'kubectl label cm one x=y >/dev/null; sed -i "s/a: one/a: mine/" "$1"\n')
    const { stderr, code } = b.run("KUBE_EDITOR='sh /home/student/e.sh' kubectl edit cm one")
    expect(nameless(stderr)).toBe('')
    expect(code).toBe(0)
    b.write('/home/student/e.sh', 'sed -i "s/resourceVersion:.*/resourceVersion: \\"1\\"/; s/a: mine/a: other/" "$1"\n')
    const stale = b.run("KUBE_EDITOR='sh /home/student/e.sh' kubectl edit cm one; grep -h a: /tmp/kubectl-edit-*")
    expect(nameless(stale.stderr)).toBe('error: configmaps "one" could not be patched: Operation cannot be fulfilled on configmaps "one": the object has been modified; please apply your changes to the latest version and try again\nYou can run `kubectl replace -f /tmp/kubectl-edit-N.yaml` to try this update again.\n')
    expect(stale.stdout).toContain('a: other')
    expect(valueOf(b, 'one')).toBe('mine')
  })

  it('says that the object is gone, and where the edits are', () => {
    const b = lab()
    b.write('/home/student/e.sh', 'kubectl delete cm one >/dev/null; sed -i "s/a: one/a: mine/" "$1"\n')
    const { stderr, code } = b.run("KUBE_EDITOR='sh /home/student/e.sh' kubectl edit cm one")
    expect(nameless(stderr)).toBe('error: configmaps "one" could not be found on the server\nThe edits you made on deleted resources have been saved to "/tmp/kubectl-edit-N.yaml"\n')
    expect(code).toBe(1)
  })

  it('does not simulate the scale', () => {
    const { stderr, code } = lab().run('kubectl edit cm one --subresource=scale')
    expect(stderr).toContain('podhop: not simulated: ')
    expect(code).toBe(69)
  })
})
