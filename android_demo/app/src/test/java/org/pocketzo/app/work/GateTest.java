package org.pocketzo.app.work;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertNull;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;

import android.app.Application;
import android.app.job.JobInfo;
import android.app.job.JobScheduler;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.Test;
import org.junit.runner.RunWith;
import org.pocketzo.app.session.Session;
import org.pocketzo.app.tuning.RunState;
import org.pocketzo.runtime.errors.Interrupted;
import org.robolectric.Robolectric;
import org.robolectric.RobolectricTestRunner;
import org.robolectric.RuntimeEnvironment;
import org.robolectric.annotation.Config;
import org.robolectric.shadows.ShadowSystemClock;

/** Rules, heat and stopping, each with a phone that does as it is told. */
@RunWith(RobolectricTestRunner.class)
@Config(sdk = 34)
public final class GateTest {
  private static final Phone FINE = new Phone(true, 80, 30, 0, true);

  private final Application application = RuntimeEnvironment.getApplication();
  private final Rules rules = new Rules(application);
  private final AtomicReference<Phone> phone = new AtomicReference<>(FINE);
  private final Session session = Session.of(application);

  private Gate gate() {
    return new Gate(application, session.tuning(), rules, phone::get);
  }

  private RunState.Hold ended(Gate gate) {
    assertThrows(Interrupted.class, gate::check);
    return gate.ended();
  }

  @Test
  public void nothingHoldsAFinePhone() throws Interrupted {
    rules.charging(true);
    rules.idle(true);
    Gate gate = gate();
    gate.check();
    assertNull(gate.ended());
    gate.stop();
    assertThrows(Interrupted.class, gate::check);
    assertNull(gate.ended());
  }

  @Test
  public void eachRuleEndsTheRunAndIsNamed() {
    phone.set(new Phone(false, 80, 30, 0, false));
    rules.charging(true);
    assertEquals(RunState.Hold.CHARGER, ended(gate()));
    rules.charging(false);
    rules.idle(true);
    assertEquals(RunState.Hold.IDLENESS, ended(gate()));
    rules.idle(false);
    rules.level(60);
    phone.set(new Phone(false, 59, 30, 0, false));
    assertEquals(RunState.Hold.BATTERY, ended(gate()));
  }

  @Test
  public void thePhoneIsAskedEveryTwoSeconds() throws Interrupted {
    Gate gate = gate();
    gate.check();
    phone.set(new Phone(false, 1, 30, 0, false));
    gate.check();
    ShadowSystemClock.advanceBy(Duration.ofSeconds(2));
    assertEquals(RunState.Hold.BATTERY, ended(gate));
  }

  @Test
  public void aHotPhoneRestsAndGoesOnWhenItHasBeenCool() throws Exception {
    phone.set(new Phone(true, 80, 30, 4, true));
    Gate gate = gate();
    Thread run = new Thread(() -> {
      try {
        gate.check();
      } catch (Interrupted e) {
        throw new AssertionError(e);
      }
    });
    run.start();
    while (session.run().hold() != RunState.Hold.HEAT) {
      Thread.sleep(5);
    }
    phone.set(FINE);
    Thread.sleep(2_500);
    assertTrue("cool for a moment alone", run.isAlive());
    ShadowSystemClock.advanceBy(Duration.ofMillis(Cooling.REST));
    run.join(10_000);
    assertNull(session.run().hold());
  }

  @Test
  public void aJobThatTheRulesDoNotLetWorkLooksAgainLater() {
    assertNull(gate().held());
    rules.level(60);
    phone.set(new Phone(false, 59, 30, 0, false));
    assertEquals(RunState.Hold.BATTERY, gate().held());
    TuneJob.plan(application, RunState.Hold.BATTERY);
    JobScheduler scheduler = application.getSystemService(JobScheduler.class);
    assertEquals(TuneJob.LATER, scheduler.getPendingJob(TuneJob.ID).getMinLatencyMillis());
    TuneJob.plan(application, RunState.Hold.CHARGER);
    assertEquals(TuneJob.SOON, scheduler.getPendingJob(TuneJob.ID).getMinLatencyMillis());
    // The phone of the test has no battery that is charged: the rule holds the job before it begins.
    rules.charging(true);
    TuneJob job = Robolectric.setupService(TuneJob.class);
    assertFalse(job.onStartJob(null));
    assertEquals(TuneJob.SOON, scheduler.getPendingJob(TuneJob.ID).getMinLatencyMillis());
  }

  @Test
  public void theJobThatGoesOnKeepsTheRulesAndSurvivesARestart() {
    rules.charging(true);
    TuneJob.plan(application);
    JobInfo job = application.getSystemService(JobScheduler.class).getPendingJob(TuneJob.ID);
    assertTrue(job.isPersisted());
    assertTrue(job.isRequireCharging());
    rules.charging(false);
    rules.idle(true);
    TuneJob.plan(application);
    job = application.getSystemService(JobScheduler.class).getPendingJob(TuneJob.ID);
    assertTrue(job.isRequireDeviceIdle());
    TuneJob.cancel(application);
    assertNull(application.getSystemService(JobScheduler.class).getPendingJob(TuneJob.ID));
  }
}
