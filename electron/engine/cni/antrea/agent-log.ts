/** How antrea-agent and antrea-controller log; source is "file.go:line", as klog prints it. */
export type AgentLog = (source: string, message: string, severity?: 'I' | 'W' | 'E' | 'F') => void
