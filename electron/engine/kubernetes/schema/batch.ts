/** Types of the group batch (v1.33), in the notation of notation.ts. */
export const BATCH = `
Job metadata:ObjectMeta spec:JobSpec status:JobStatus
CronJob metadata:ObjectMeta spec:CronJobSpec status:CronJobStatus
JobSpec parallelism:*i completions:*i activeDeadlineSeconds:*l podFailurePolicy:*PodFailurePolicy successPolicy:*SuccessPolicy
  backoffLimit:*i backoffLimitPerIndex:*i maxFailedIndexes:*i selector:*LabelSelector manualSelector:*b template:PodTemplateSpec
  ttlSecondsAfterFinished:*i completionMode:*CompletionMode suspend:*b podReplacementPolicy:*PodReplacementPolicy managedBy:*s
JobStatus conditions:[JobCondition]@type% startTime:*time completionTime:*time active:i succeeded:i failed:i terminating:*i
  completedIndexes:s failedIndexes:*s uncountedTerminatedPods:*UncountedTerminatedPods ready:*i
JobCondition type:JobConditionType! status:ConditionStatus! lastProbeTime:time lastTransitionTime:time reason:s message:s
UncountedTerminatedPods succeeded:[s]%set failed:[s]%set
PodFailurePolicy rules:[PodFailurePolicyRule]!
PodFailurePolicyRule action:PodFailurePolicyAction! onExitCodes:*PodFailurePolicyOnExitCodesRequirement
  onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement containerName:*s operator:PodFailurePolicyOnExitCodesOperator! values:[i]!%set
PodFailurePolicyOnPodConditionsPattern type:PodConditionType! status:ConditionStatus!
SuccessPolicy rules:[SuccessPolicyRule]!
SuccessPolicyRule succeededIndexes:*s succeededCount:*i
CronJobSpec schedule:s! timeZone:*s startingDeadlineSeconds:*l concurrencyPolicy:ConcurrencyPolicy suspend:*b
  jobTemplate:JobTemplateSpec successfulJobsHistoryLimit:*i failedJobsHistoryLimit:*i
JobTemplateSpec metadata:ObjectMeta spec:JobSpec
CronJobStatus active:[ObjectReference] lastScheduleTime:*time lastSuccessfulTime:*time
CompletionMode =s
PodReplacementPolicy =s
JobConditionType =s
PodFailurePolicyAction =s
PodFailurePolicyOnExitCodesOperator =s
ConcurrencyPolicy =s
`
