-- Closed vocabularies of the product. Lists that an org may edit live in public.datalabels instead.

create type public.member_role as enum (
    'owner', 'admin', 'dispatcher', 'service_advisor', 'shop_manager', 'office',
    'technician', 'customer', 'cashier', 'parts_clerk'
);

create type public.permission as enum (
    'manage_org', 'manage_members', 'manage_catalog', 'manage_technicians', 'manage_availability',
    'view_availability', 'view_customers', 'manage_customers', 'view_jobs', 'create_job', 'edit_job',
    'view_assignments', 'view_cancelled_appointments', 'create_appointment', 'reschedule_appointment',
    'cancel_appointment', 'assign_technician', 'override_scheduling_conflict', 'approve_reschedule',
    'approve_emergency_reschedule', 'approve_duration_override', 'edit_assignment_notes', 'optimize_schedule',
    'view_positions', 'view_audit'
);

create type public.grant_level as enum ('view', 'comment', 'edit', 'owner');

create type public.contact_channel as enum ('sms', 'email', 'phone', 'none');
create type public.customer_type as enum ('residential', 'commercial', 'property_manager', 'government', 'other');
create type public.location_kind as enum ('site', 'home_base', 'depot');

create type public.employment_type as enum ('employee', 'contractor', 'subcontractor');
create type public.vehicle_type as enum ('van', 'truck', 'car', 'other');
create type public.proficiency_level as enum ('junior', 'mid', 'senior', 'expert');

create type public.resource_kind as enum ('bay', 'mobile_unit', 'equipment');
create type public.bay_type as enum ('general', 'lift', 'alignment', 'tire', 'inspection');
create type public.place_kind as enum ('site', 'bay', 'mobile_unit');

create type public.shift_type as enum ('regular', 'on_call', 'overtime', 'training');
create type public.time_off_reason as enum ('vacation', 'sick', 'personal', 'break', 'blocked', 'other');

create type public.job_type as enum ('repair', 'install', 'maintenance', 'inspection', 'other');
create type public.job_priority as enum ('low', 'normal', 'high', 'emergency');
create type public.job_status as enum (
    'unscheduled', 'scheduled', 'dispatched', 'in_progress', 'on_hold', 'completed', 'canceled'
);
create type public.job_source as enum (
    'phone', 'web', 'email', 'repeat', 'portal', 'chat', 'voice', 'estimate', 'work_order', 'import', 'other'
);

create type public.window_source as enum ('system_suggested', 'dispatcher_selected', 'customer_selected');

create type public.appointment_status as enum (
    'scheduled', 'confirmed', 'awaiting_parts', 'en_route', 'in_progress', 'paused', 'completed', 'canceled', 'no_show'
);
create type public.appointment_assignment_status as enum (
    'assigned', 'partly_assigned', 'awaiting_skill_fulfillment', 'deferred', 'unassigned'
);
create type public.assignment_status as enum (
    'assigned', 'accepted', 'declined', 'en_route', 'on_site', 'paused', 'completed', 'no_show', 'canceled'
);

create type public.reservation_kind as enum ('booked', 'held', 'pause_blocked');
create type public.pause_policy as enum ('free', 'blocked', 'flexible', 'never');
create type public.conflict_severity as enum ('hard', 'hard_overridable', 'soft');

create type public.source_status as enum (
    'draft', 'quoted', 'approved', 'scheduled', 'in_progress', 'completed', 'canceled'
);

create type public.run_kind as enum (
    'optimize_all', 'optimize_route', 'auto_schedule', 'reoptimize', 'emergency_insertion'
);
create type public.reoptimization as enum ('off', 'propose', 'commit');
create type public.run_mode as enum ('propose', 'commit');
create type public.run_status as enum (
    'queued', 'running', 'proposed', 'applied', 'failed', 'canceled', 'expired'
);
create type public.optimization_strategy as enum (
    'time_minimization', 'distance_minimization', 'priority_first', 'balanced'
);
create type public.route_status as enum (
    'draft', 'proposed', 'finalized', 'in_progress', 'completed', 'canceled'
);
create type public.route_generator as enum ('manual', 'rule_engine', 'ai_optimizer');
create type public.stop_type as enum ('depot_start', 'job', 'break', 'fuel', 'depot', 'depot_end', 'other');
create type public.stop_change as enum ('book', 'move', 'reassign', 'keep');
create type public.emergency_option_kind as enum ('free', 'delay', 'hand_over', 'bump');
create type public.emergency_change as enum ('delay', 'hand_over', 'postpone', 'unassign');
