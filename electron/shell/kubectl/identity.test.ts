import { describe, expect, it } from 'vitest'
import { bench } from './testing.samples.ts'

describe('kubectl as somebody else', () => {
  it('may what the roles allow that are bound to him, and is told why not', () => {
    const { run } = bench()
    for (const command of [
      'run web --image=nginx', 'create sa robot', 'create role look --verb=get,list --resource=pods', 'create rolebinding lookers --role=look --user=jane --serviceaccount=default:robot', 'create rolebinding lost --role=none --user=bob',
    ]) run(`kubectl ${command}`)
    const cannot = (what: string): string => `Error from server (Forbidden): ${what}\n`
    expect(run('kubectl get pods --as=jane -o name').stdout).toBe('pod/web\n')
    expect(run('kubectl get pods --as=jane -A').stderr).toBe(cannot('pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope'))
    expect(run('kubectl delete pod web --as=jane').stderr).toBe(cannot('pods "web" is forbidden: User "jane" cannot delete resource "pods" in API group "" in the namespace "default"'))
    expect(run('kubectl exec web --as=jane -- true').stderr).toBe(cannot('pods "web" is forbidden: User "jane" cannot create resource "pods/exec" in API group "" in the namespace "default"'))
    expect(run('kubectl get pods --as=bob').stderr).toContain('in the namespace "default": RBAC: role.rbac.authorization.k8s.io "none" not found\n')
    expect(run('kubectl get pods --as=bob --as-group=system:masters -o name').stdout).toBe('pod/web\n')
    expect(run('kubectl auth can-i list pods --as=system:serviceaccount:default:robot').stdout).toBe('yes\n')
    expect(run('kubectl auth can-i create pods --as=jane')).toMatchObject({ stdout: 'no\n', code: 1 })
    expect(run('kubectl auth whoami --as=jane').stdout).toBe('ATTRIBUTE   VALUE\nUsername    jane\nGroups      [system:authenticated]\n')
  })

  it('is a ServiceAccount with its token', () => {
    const { run } = bench()
    run('kubectl create sa robot && kubectl config set-credentials robot --token=$(kubectl create token robot)')
    expect(run('kubectl get pods --user=robot').stderr).toContain('User "system:serviceaccount:default:robot" cannot list resource "pods"')
    run('kubectl delete sa robot')
    expect(run('kubectl get pods --user=robot').stderr).toBe('error: You must be logged in to the server (Unauthorized)\n')
  })
})
