/* SPDX-License-Identifier: BSD-3-Clause */

/*
 * The memory: what an access may see and when a store is seen; see model.h and
 * doc/design/memory-order.rst.
 *
 * TSO is a memory and a store buffer per agent. WEAK and C11 keep all values
 * that a location ever had, oldest first; an agent has a view: the oldest value
 * of each location that it may still see. A release store hands the view on to
 * whoever acquires it; full fences compare views with one that all share.
 */

#include "model_internal.h"
#include "model_state.h"

#include <string.h>

uint8_t model_memory[MODEL_MEMORY_BYTES] __attribute__((aligned(4096)));
static struct location locations[LOCATIONS];
static uint8_t location_at[MODEL_MEMORY_BYTES / 4];     /* index + 1 */
static uint32_t location_count;
static struct mind minds[MODEL_AGENTS];
static struct view shared_view;         /* of the full fences */
static uint64_t stores_all;

void
model_memory_reset(void)
{
	for (uint32_t i = 0; i < location_count; i++)
		location_at[(size_t)(locations[i].at - model_memory) / 4] = 0;
	location_count = 0;
	stores_all = 0;
	memset(&shared_view, 0, sizeof(shared_view));
	for (unsigned int i = 0; i < MODEL_AGENTS; i++) {
		struct mind *mind = &minds[i];

		memset(&mind->now, 0, sizeof(mind->now));
		memset(&mind->acquired, 0, sizeof(mind->acquired));
		memset(&mind->released, 0, sizeof(mind->released));
		mind->buffer_count = mind->late_count = 0;
		mind->loads_late = mind->floats = false;
		mind->stores = 0;
	}
}

static bool
in_memory(const void *at)
{
	return (const uint8_t *)at >= model_memory &&
		(const uint8_t *)at < model_memory + sizeof(model_memory);
}

/* The location of a word or a granule; its first value is what the scenario's
 * setup has left there. */
static uint8_t
location_of(const void *at, uint32_t bytes)
{
	uint8_t *index = &location_at[(size_t)((const uint8_t *)at - model_memory) / 4];
	struct location *location;

	if (*index != 0)
		return *index - 1;
	if (location_count == LOCATIONS)
		model_fail("more than %u locations", LOCATIONS);
	location = &locations[location_count];
	location->at = at;
	location->bytes = bytes;
	location->count = 1;
	memset(location->message, 0, sizeof(location->message[0]));
	memcpy(&location->message[0].value, at, bytes);
	memset(location->written, 0, sizeof(location->written));
	memset(location->read, 0, sizeof(location->read));
	*index = (uint8_t)++location_count;
	return *index - 1;
}

static void
view_join(struct view *to, const struct view *from, bool clocks)
{
	for (uint32_t i = 0; i < location_count; i++)
		if (from->oldest[i] > to->oldest[i])
			to->oldest[i] = from->oldest[i];
	for (unsigned int i = 0; clocks && i < MODEL_AGENTS; i++)
		if (from->clock[i] > to->clock[i])
			to->clock[i] = from->clock[i];
}

static struct mind *
self(void)
{
	return &minds[model_run.self];
}

static bool
tso(void)
{
	return model_run.kind == MODEL_TSO;
}

/* ---- values ---- */

/* The newest value as this agent knows it. */
static uint64_t
value_newest(const struct mind *mind, uint8_t location)
{
	const struct location *l = &locations[location];

	for (uint32_t i = mind->buffer_count; i > 0; i--)
		if (mind->buffer[i - 1].location == location)
			return mind->buffer[i - 1].value;
	return l->message[l->count - 1].value;
}

static void
count_store(struct mind *mind)
{
	mind->stores++;
	stores_all++;
}

/* A store becomes visible, with the view that it hands on. */
static struct message *
value_append(struct mind *mind, uint8_t location, uint64_t value, const struct view *view)
{
	struct location *l = &locations[location];
	struct message *message;

	count_store(mind);
	if (tso()) {
		l->message[0].value = value;
		return &l->message[0];
	}
	if (l->count == MESSAGES)
		model_fail("more than %u stores to one location", MESSAGES);
	message = &l->message[l->count];
	message->value = value;
	mind->now.oldest[location] = (uint8_t)l->count;
	message->view = *view;
	message->view.oldest[location] = (uint8_t)l->count;
	l->count++;
	return message;
}

static void
buffer_push(struct mind *mind, uint8_t location, uint64_t value)
{
	if (mind->buffer_count == BUFFER)
		model_memory_drain_one((unsigned int)(mind - minds));
	mind->buffer[mind->buffer_count++] = (struct buffered){ location, value };
}

static void
buffer_drain(struct mind *mind)
{
	while (mind->buffer_count != 0)
		model_memory_drain_one((unsigned int)(mind - minds));
}

uint32_t
model_memory_buffered(unsigned int agent)
{
	return minds[agent].buffer_count;
}

void
model_memory_drain_one(unsigned int agent)
{
	struct mind *mind = &minds[agent];

	value_append(mind, mind->buffer[0].location, mind->buffer[0].value, NULL);
	mind->buffer_count--;
	memmove(mind->buffer, mind->buffer + 1, mind->buffer_count * sizeof(mind->buffer[0]));
}

static void
floating_land(struct mind *mind)
{
	if (!mind->floats)
		return;
	mind->floats = false;
	value_append(mind, mind->floating.location, mind->floating.value, &mind->released);
}

/* The store waits for one access; if that is the same word, not even for that. */
static void
floating_overtake(struct mind *mind, uint8_t location)
{
	if (mind->overtaken || mind->floating.location == location)
		floating_land(mind);
	mind->overtaken = true;
}

static void
store_relaxed(struct mind *mind, uint8_t location, uint64_t value)
{
	floating_land(mind);
	if (tso()) {
		/* Once one waits in the buffer all that follow queue behind it. */
		if (mind->buffer_count != 0 || model_deviate(2) != 0)
			buffer_push(mind, location, value);
		else
			value_append(mind, location, value, NULL);
	} else if (locations[location].bytes == 4 && model_deviate(2) != 0) {
		mind->floats = true;
		mind->overtaken = false;
		mind->floating = (struct buffered){ location, value };
	} else {
		value_append(mind, location, value, &mind->released);
	}
}

/* Whatever value the memory may show now: the newest, or one as old as the view. */
static uint64_t
load_any(struct mind *mind, uint8_t location, const struct message **from)
{
	struct location *l = &locations[location];
	uint32_t age;

	*from = NULL;
	if (tso())
		return value_newest(mind, location);
	age = model_deviate(l->count - mind->now.oldest[location]);
	mind->now.oldest[location] = (uint8_t)(l->count - 1 - age);
	*from = &l->message[l->count - 1 - age];
	return (*from)->value;
}

static void
late_complete(struct mind *mind)
{
	const struct message *from;

	for (uint32_t i = 0; i < mind->late_count; i++) {
		const struct late_load *late = &mind->late[i];
		uint64_t value = load_any(mind, late->location, &from);

		memcpy(late->dst, (uint8_t *)&value + late->from, late->bytes);
	}
	mind->late_count = 0;
}

/* ---- words ---- */

static enum model_op
weakened(struct model_site *site)
{
	enum model_mutation mutation = model_mutation_of(site);

	if (mutation != MODEL_WEAKER)
		return site->op;
	switch (site->op) {
	case MODEL_LOAD_ACQUIRE:
		return MODEL_LOAD_RELAXED;
	case MODEL_STORE_RELEASE:
	case MODEL_STORE_SEQ_CST:
		return MODEL_STORE_RELAXED;
	case MODEL_RMW_SEQ_CST:
		return MODEL_OPS;       /* relaxed */
	default:
		return MODEL_OPS;       /* nothing */
	}
}

uint32_t
model_load(const uint32_t *word, struct model_site *site)
{
	enum model_op op = weakened(site);
	const struct message *from;
	struct mind *mind;
	uint8_t location;
	uint64_t value;

	if (model_run.self == MODEL_AGENTS || !in_memory(word))
		return *word;
	model_point();
	mind = self();
	location = location_of(word, 4);
	floating_overtake(mind, location);
	value = load_any(mind, location, &from);
	if (from != NULL)
		view_join(op == MODEL_LOAD_ACQUIRE ? &mind->now : &mind->acquired, &from->view, true);
	mind->now.clock[model_run.self]++;
	return (uint32_t)value;
}

void
model_store(uint32_t *word, uint32_t value, struct model_site *site)
{
	enum model_op op = weakened(site);
	struct mind *mind;
	uint8_t location;

	if (model_run.self == MODEL_AGENTS || !in_memory(word)) {
		*word = value;
		return;
	}
	model_point();
	mind = self();
	location = location_of(word, 4);
	mind->now.clock[model_run.self]++;
	if (op == MODEL_STORE_RELAXED) {
		store_relaxed(mind, location, value);
		return;
	}
	late_complete(mind);
	floating_land(mind);
	if (!tso())
		value_append(mind, location, value, &mind->now);
	else
		store_relaxed(mind, location, value);
	if (op == MODEL_STORE_SEQ_CST)
		buffer_drain(mind);     /* x86: an exchange */
	mind->now.clock[model_run.self]++;
}

/* A load and a store with the world between them. */
static uint32_t
update_torn(uint32_t *word, uint32_t set, uint32_t clear)
{
	struct mind *mind = self();
	uint8_t location = location_of(word, 4);
	uint32_t before = (uint32_t)value_newest(mind, location);

	model_point();
	store_relaxed(mind, location, (before & ~clear) | set);
	return before;
}

uint32_t
model_update(uint32_t *word, uint32_t set, uint32_t clear, struct model_site *site)
{
	enum model_mutation mutation = model_mutation_of(site);
	struct mind *mind;
	struct view view;
	uint8_t location;
	uint32_t before;

	model_point();
	if (mutation == MODEL_TORN)
		return update_torn(word, set, clear);
	mind = self();
	location = location_of(word, 4);
	if (mutation != MODEL_WEAKER)
		late_complete(mind);
	floating_land(mind);
	buffer_drain(mind);             /* x86: locked, whatever the order */
	before = (uint32_t)value_newest(mind, location);
	if (!tso()) {
		const struct location *l = &locations[location];
		const struct view *old = &l->message[l->count - 1].view;

		view_join(mutation == MODEL_WEAKER ? &mind->acquired : &mind->now, old, true);
		view = mutation == MODEL_WEAKER ? mind->released : mind->now;
		view_join(&view, old, true);    /* a release sequence goes on */
		value_append(mind, location, (before & ~clear) | set, &view);
	} else {
		value_append(mind, location, (before & ~clear) | set, NULL);
	}
	mind->now.clock[model_run.self]++;
	return before;
}

/* ---- fences ---- */

static void
fence_full(struct mind *mind)
{
	late_complete(mind);
	buffer_drain(mind);
	if (tso())
		return;
	view_join(&mind->now, &mind->acquired, true);
	view_join(&shared_view, &mind->now, false);
	view_join(&mind->now, &shared_view, false);
	mind->released = mind->now;
}

/* Every agent passes a full fence where it is. What a compiler has moved over
 * that place stays moved. */
static void
fence_process(struct mind *mind)
{
	fence_full(mind);
	for (unsigned int i = 0; i < MODEL_AGENTS; i++)
		if (&minds[i] != mind)
			fence_full(&minds[i]);
	fence_full(mind);
}

void
model_fence(struct model_site *site)
{
	enum model_op op = weakened(site);
	struct mind *mind;

	if (model_run.self == MODEL_AGENTS)
		return;
	model_point();
	mind = self();
	if (op == MODEL_OPS)
		return;
	floating_land(mind);
	if (op == MODEL_FENCE)
		fence_full(mind);
	else if (op == MODEL_PROCESS_FENCE)
		fence_process(mind);
	mind->now.clock[model_run.self]++;
}

/* ---- plain data ---- */

/* In the language two agents may not touch plain data, one of them writing,
 * unless an acquire has put one before the other. */
static void
race_check(struct location *l, bool write)
{
	struct mind *mind = self();
	const uint16_t clock = ++mind->now.clock[model_run.self];

	for (unsigned int i = 0; i < MODEL_AGENTS; i++) {
		if (i == model_run.self)
			continue;
		if (l->written[i] > mind->now.clock[i])
			model_fail("data race at %#zx: agent %u %s, agent %u wrote",
				(size_t)(l->at - model_memory), model_run.self,
				write ? "writes" : "reads", i);
		if (write && l->read[i] > mind->now.clock[i])
			model_fail("data race at %#zx: agent %u writes, agent %u read",
				(size_t)(l->at - model_memory), model_run.self, i);
	}
	if (write)
		l->written[model_run.self] = clock;
	else
		l->read[model_run.self] = clock;
}

static bool
tracked(const uint8_t *at)
{
	return (size_t)(at - model_memory) / GRANULE % model_run.tracked_every == 0;
}

static void
data_store(uint8_t *at, const uint8_t *src, uint32_t bytes)
{
	uint32_t within = (uint32_t)((size_t)(at - model_memory) % GRANULE);
	struct mind *mind = self();
	uint8_t location = location_of(at - within, GRANULE);
	uint64_t value = value_newest(mind, location);

	if (model_run.kind == MODEL_C11)
		race_check(&locations[location], true);
	memcpy((uint8_t *)&value + within, src, bytes);
	store_relaxed(mind, location, value);
}

static void
data_load(uint8_t *dst, const uint8_t *at, uint32_t bytes, bool late)
{
	uint32_t within = (uint32_t)((size_t)(at - model_memory) % GRANULE);
	struct mind *mind = self();
	uint8_t location = location_of(at - within, GRANULE);
	const struct message *from;
	uint64_t value;

	if (model_run.kind == MODEL_C11)
		race_check(&locations[location], false);
	if (late && mind->late_count < LATE) {
		mind->late[mind->late_count++] = (struct late_load){
			.location = location, .from = (uint8_t)within,
			.bytes = (uint8_t)bytes, .dst = dst,
		};
		return;
	}
	value = load_any(mind, location, &from);
	memcpy(dst, (uint8_t *)&value + within, bytes);
}

void *
model_copy(void *dst, const void *src, size_t bytes)
{
	uint8_t *to = dst;
	const uint8_t *from = src;
	const bool store = in_memory(dst), load = in_memory(src);
	bool late;

	if (model_run.self == MODEL_AGENTS || store == load)
		return memcpy(dst, src, bytes);
	model_point();
	floating_land(self());
	late = load && self()->loads_late && model_run.kind == MODEL_WEAK &&
		model_deviate(2) != 0;
	while (bytes != 0) {
		const uint8_t *at = store ? to : from;
		size_t piece = GRANULE - (size_t)(at - model_memory) % GRANULE;

		if (piece > bytes)
			piece = bytes;
		if (!tracked(at))
			memcpy(to, from, piece);
		else if (store)
			data_store(to, from, (uint32_t)piece);
		else
			data_load(to, from, (uint32_t)piece, late);
		to += piece;
		from += piece;
		bytes -= piece;
	}
	return dst;
}

void *
model_fill(void *dst, int value, size_t bytes)
{
	uint8_t fill[GRANULE];

	if (model_run.self == MODEL_AGENTS || !in_memory(dst))
		return memset(dst, value, bytes);
	memset(fill, value, sizeof(fill));
	for (size_t done = 0; done < bytes; done += GRANULE)
		model_copy((uint8_t *)dst + done, fill,
			bytes - done < GRANULE ? bytes - done : GRANULE);
	return dst;
}

void
model_loads_late(bool late)
{
	self()->loads_late = late;
}

void
model_settle(void)
{
	late_complete(self());
}

/* ---- for the scheduler ---- */

void
model_memory_catch_up(unsigned int agent)
{
	struct mind *mind = &minds[agent];

	floating_land(mind);
	buffer_drain(mind);
	late_complete(mind);
	for (uint32_t i = 0; i < location_count; i++)
		mind->now.oldest[i] = (uint8_t)(locations[i].count - 1);
}

uint64_t
model_memory_version(unsigned int agent)
{
	return stores_all - minds[agent].stores;
}

uint32_t
model_memory_now(const uint32_t *word)
{
	uint8_t index = location_at[(size_t)((const uint8_t *)word - model_memory) / 4];
	const struct location *l = &locations[index - 1u];

	if (index == 0)
		return *word;
	return (uint32_t)l->message[l->count - 1].value;
}
